"""HTML pages: what the page says, without menus, forms, footers and link lists; headings and tables kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree, html

from indexer.sources.encoding import decode_text
from indexer.sources.outline import Outline

_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,20})""", re.IGNORECASE)
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "gb_2312-80": "gb18030", "big5": "big5hkscs", "x-gbk": "gb18030"}
_BLOCKS = frozenset({
    "p", "li", "dt", "dd", "blockquote", "pre", "div", "section", "article", "figcaption", "caption", "main", "center",
    "summary", "details", "address", "ul", "ol", "dl", "br", "hr", "body", "fieldset",
})  # fmt: skip
_DROPPED = (
    "script", "style", "noscript", "template", "nav", "footer", "form", "iframe", "svg", "aside", "button", "select",
    "input", "textarea", "object", "embed", "canvas", "head", "dialog", "menu",
)  # fmt: skip
_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog"})
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|igation)?|menu|breadcrumbs?|crumbs?|sidebar|footer|foot|copyright|share|sharing|comments?|"
    r"related|recommend|advert(?:isement)?|ads?|banner|cookies?|login|toolbar|pagination|pager|topbar|skip|"
    r"friend-?links?|qrcode|back-?top)(?:$|[\s_-])",
    re.IGNORECASE,
)
_FOOT_LINE = re.compile(
    r"^(?:copyright\b|©|版权所有|技术支持\s*[:：]|(?:您|你)?(?:当前|现在)?(?:所在)?的?位置\s*[:：].*[>»›→])|ICP[备证]\s*\d+",
    re.IGNORECASE,
)
"""A line of the frame: whose rights, which licence, where in the menu."""
_HEADING = re.compile(r"h([1-6])")


def decode_page(raw: bytes) -> tuple[str, str, str]:
    """Text, codec and reason: a byte order mark, what the page declares, else what its bytes show."""
    declared = _META.search(raw[:4096])
    if declared and not raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        name = declared[1].decode("ascii").lower()
        try:
            return raw.decode(_WIDER.get(name, name)), _WIDER.get(name, name), f"网页声明 {name}"
        except (LookupError, UnicodeDecodeError):
            return decode_text(raw)
    return decode_text(raw)


def read_page(source: str, outline: Outline) -> str:
    """Fill the outline; returns the title.

    :raises ValueError: when it cannot be parsed.
    """
    tree = parsed(source)
    if tree is None:
        return ""
    title = " ".join((tree.findtext(".//title") or "").split())
    heading = tree.find(".//h1")
    first = " ".join("".join(heading.itertext()).split()) if heading is not None else ""
    strip_furniture(tree)
    _Walk(outline).walk(content_of(tree))
    return first if first and first in title else title


def parsed(source: str) -> html.HtmlElement | None:
    """The page as a tree; None for an empty one.

    :raises ValueError: when it cannot be parsed.
    """
    plain = re.sub(r"^\s*(?:<\?xml[^>]*\?>)?", "", source.replace("\x00", ""))
    if not plain.strip():
        return None
    try:
        return html.document_fromstring(plain, parser=html.HTMLParser(no_network=True, huge_tree=False))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise ValueError(f"HTML 无法读取：{error}") from error


def strip_furniture(tree: html.HtmlElement) -> None:
    """Take out what is no content: by element, by role, by class name, by hiding, and lists of nothing but links."""
    etree.strip_elements(tree, *_DROPPED, etree.Comment, etree.ProcessingInstruction, with_tail=False)
    whole = max(1, len(tree.text_content()))
    for element in [one for one in tree.iter() if isinstance(one.tag, str)]:
        if element.tag in ("body", "html", "main", "article") or element.getparent() is None:
            continue
        if _is_furniture(element) and len(element.text_content()) < 0.6 * whole:
            element.drop_tree()
    for element in list(tree.iter("ul", "ol", "div", "table", "header", "p")):
        if element.getparent() is not None and _is_link_list(element) and len(element.text_content()) < 0.6 * whole:
            element.drop_tree()


def _is_furniture(element: html.HtmlElement) -> bool:
    style = (element.get("style") or "").replace(" ", "").lower()
    if element.get("hidden") is not None or "display:none" in style or element.get("aria-hidden") == "true":
        return True
    if (element.get("role") or "").lower() in _ROLES:
        return True
    if element.tag == "header":
        return element.find(".//h1") is None or element.find(".//a") is not None
    return _FURNITURE.search(f"{element.get('class') or ''} {element.get('id') or ''}") is not None


def _is_link_list(element: html.HtmlElement) -> bool:
    """Four links or more, and nearly all of its words are theirs: a menu."""
    links = element.findall(".//a")
    if len(links) < 4:
        return False
    text = len("".join(element.text_content().split()))
    linked = sum(len("".join(link.text_content().split())) for link in links)
    return linked > 0.8 * text and linked < 30 * len(links)


def content_of(tree: html.HtmlElement) -> html.HtmlElement:
    """The article or main part, when the page marks one that holds most of it; else the whole body."""
    body = tree.find("body")
    body = tree if body is None else body
    whole = len(body.text_content().strip())
    for name in ("main", "article"):
        found = body.findall(f".//{name}")
        if len(found) == 1 and len(found[0].text_content().strip()) > 0.4 * whole:
            return found[0]
    return body


@dataclass(slots=True)
class _Walk:
    """Text in document order: a heading or a block element ends the paragraph that is open."""

    outline: Outline
    pending: list[str] = field(default_factory=list)

    def walk(self, root: html.HtmlElement) -> None:
        skipped: set[html.HtmlElement] = set()
        for event, element in etree.iterwalk(root, events=("start", "end")):
            tag = element.tag if isinstance(element.tag, str) else ""
            if skipped and not (event == "end" and element in skipped):
                continue
            if event == "end":
                self._end(element, tag, root, skipped)
            elif _HEADING.fullmatch(tag) or (tag == "table" and _is_table(element)):
                self._flush()
                self._whole(element, tag)
                skipped.add(element)
            else:
                if tag in _BLOCKS or tag in ("tr", "td", "th"):
                    self._flush()
                self.pending.append(element.text or "")
        self._flush()

    def _end(self, element: html.HtmlElement, tag: str, root: html.HtmlElement, skipped: set[html.HtmlElement]) -> None:
        skipped.discard(element)
        if tag in _BLOCKS or tag in ("tr", "td", "th"):
            self._flush()
        if element is not root:
            self.pending.append(element.tail or "")

    def _whole(self, element: html.HtmlElement, tag: str) -> None:
        heading = _HEADING.fullmatch(tag)
        if heading:
            self.outline.heading(int(heading[1]), " ".join(element.text_content().split()))
            return
        caption = element.find("caption")
        if caption is not None:
            self.outline.paragraph(" ".join(caption.text_content().split()))
        rows = list(table_rows(element))
        first = next(element.iter("tr"), None)
        told = first is not None and first.find("th") is not None and first.find("td") is None
        self.outline.table(rows, header=True if told else None)

    def _flush(self) -> None:
        line = " ".join("".join(self.pending).split())
        self.pending.clear()
        if not (len(line) < 160 and _FOOT_LINE.search(line)):
            self.outline.line(line)


def _is_table(element: html.HtmlElement) -> bool:
    """A table of cells, not one that lays the page out: no headings or tables inside, cells short on the whole."""
    if any(True for _ in element.iterdescendants("table", "h1", "h2", "h3")):
        return False
    cells = list(element.iterdescendants("td", "th"))
    long = sum(len(cell.text_content()) > 400 for cell in cells)
    return len(cells) > 1 and long * 4 <= len(cells)


def table_rows(table: html.HtmlElement) -> Iterator[list[str]]:
    """Rows with spans filled: a cell over several rows or columns is said in each."""
    spans: dict[int, tuple[int, str]] = {}
    for row in table.iterdescendants("tr"):
        cells: list[str] = []

        def fill(cells: list[str]) -> None:
            while len(cells) in spans:
                left, text = spans.pop(len(cells))
                if left > 1:
                    spans[len(cells)] = (left - 1, text)
                cells.append(text)

        for cell in row.iterchildren("td", "th"):
            fill(cells)
            text = " ".join(cell.text_content().split())
            for _ in range(_span(cell, "colspan")):
                if (down := _span(cell, "rowspan")) > 1:
                    spans[len(cells)] = (down - 1, text)
                cells.append(text)
        fill(cells)
        yield cells


def _span(cell: html.HtmlElement, name: str) -> int:
    told = (cell.get(name) or "1").strip()
    return min(max(int(told), 1), 50) if told.isdigit() else 1
