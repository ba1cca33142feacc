"""PDF, DOCX, HTML, Markdown and plain text files as documents with headings, pages and exact offsets."""

from __future__ import annotations

import re
from pathlib import Path

import docx
import pypdf
from docx.opc.exceptions import PackageNotFoundError
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree, html
from markdown_it import MarkdownIt
from pypdf.errors import PyPdfError

from indexer.normalise import standard_numbers_in
from indexer.records import Block, Document, Identifier, Kind
from indexer.sources.values import Outcomes, Read, Skipped

SUFFIXES = frozenset({".pdf", ".docx", ".html", ".htm", ".md", ".markdown", ".txt"})
MAX_CHARACTERS = 5_000_000

_HEADING = re.compile(r"h([1-6])")
_CLAUSE = re.compile(r"^(?:第[〇一二三四五六七八九十百零\d]+[章节条]|\d+(?:\.\d+){0,4}(?=[\s　、．]))")


class _Builder:
    """Gathers paragraphs into one text, and blocks over it that remember headings, page and clause."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._headings: list[tuple[int, str]] = []
        self.blocks: list[Block] = []

    def heading(self, level: int, text: str) -> None:
        del self._headings[
            next((i for i, (own, _) in enumerate(self._headings) if own >= level), len(self._headings)) :
        ]
        self._headings.append((level, text.strip()))

    def paragraph(self, text: str, *, page: int | None = None) -> None:
        body = re.sub(r"[ \t\u3000]+", " ", text.replace("\x00", "")).strip()
        if not body or self._length > MAX_CHARACTERS:
            return
        start = self._length
        self._text.append(body + "\n")
        self._length += len(body) + 1
        clause = _CLAUSE.match(body)
        headings = tuple(title for _, title in self._headings)
        last = self.blocks[-1] if self.blocks else None
        if last and not clause and last.headings == headings and last.page == page:
            self.blocks[-1] = Block(
                start=last.start, end=self._length, headings=headings, page=page, clause=last.clause
            )
        else:
            self.blocks.append(
                Block(start=start, end=self._length, headings=headings, page=page, clause=clause[0] if clause else "")
            )

    @property
    def text(self) -> str:
        return "".join(self._text)

    @property
    def first_heading(self) -> str:
        return self._headings[0][1] if self._headings else ""


def read_document(path: Path, *, source_id: str, kind: Kind) -> Outcomes:
    """One file as one document."""
    suffix = path.suffix.lower()
    builder = _Builder()
    encoding = "binary"
    title = ""
    try:
        if suffix == ".pdf":
            title = _pdf(path, builder)
        elif suffix == ".docx":
            title = _docx(path, builder)
        else:
            text, encoding = decode(path.read_bytes())
            if suffix in (".html", ".htm"):
                title = _html(text, builder)
            elif suffix in (".md", ".markdown"):
                title = _markdown(text, builder)
            else:
                _plain(text, builder)
    except ValueError as error:
        yield Skipped(place=source_id, reason=str(error))
        return
    if not builder.text.strip():
        reason = "没有可提取的文字（扫描件？安装 ocr 附加组件后可识别）" if suffix == ".pdf" else "没有文字"
        yield Skipped(place=source_id, reason=reason)
        return
    name = title.strip() or builder.first_heading or path.stem
    numbers = standard_numbers_in(name) if kind == "standard" else []
    yield Read(
        thing=Document(
            source_id=source_id,
            kind=kind,
            title=name[:300],
            text=builder.text,
            identifiers=tuple(Identifier(scheme="standard", value=v, display=name[a:b]) for a, b, v in numbers[:1]),
            blocks=tuple(builder.blocks),
            metadata={"file": path.name},
        ),
        place=source_id,
        encoding=encoding,
        note=suffix.removeprefix("."),
    )


def decode(raw: bytes) -> tuple[str, str]:
    """Text of bytes in UTF-8, UTF-16 with a mark, GB18030 or Big5.

    :raises ValueError: when it is none of them.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), "utf-16"
    for encoding in ("utf-8-sig", "gb18030", "big5"):
        try:
            return raw.decode(encoding), encoding.removesuffix("-sig")
        except UnicodeDecodeError:
            continue
    raise ValueError("无法识别的文字编码")


def text_of_html(source: str) -> str:
    """The words of an HTML fragment."""
    if "<" not in source and "&" not in source:
        return source
    builder = _Builder()
    _html(source, builder)
    return builder.text.strip()


def _pdf(path: Path, builder: _Builder) -> str:
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("PDF 有密码保护")
        for number, page in enumerate(reader.pages, start=1):
            for paragraph in _pdf_paragraphs(page.extract_text() or ""):
                builder.paragraph(paragraph, page=number)
        return str(reader.metadata.title or "") if reader.metadata else ""
    except PyPdfError as error:
        raise ValueError(f"PDF 无法读取：{error}") from error
    except (
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
        NotImplementedError,
    ) as error:
        raise ValueError(f"PDF 结构损坏（{type(error).__name__}）") from error


def _pdf_paragraphs(text: str) -> list[str]:
    """Lines of a page, joined where a line ends in the middle of a sentence."""
    paragraphs: list[str] = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped:
            continue
        if (
            paragraphs
            and not re.search(r"[。！？；：.!?;:]$", paragraphs[-1])
            and not _CLAUSE.match(stripped)
            and len(paragraphs[-1]) > 18
        ):
            glue = " " if paragraphs[-1][-1].isascii() and stripped[0].isascii() else ""
            paragraphs[-1] += glue + stripped
        else:
            paragraphs.append(stripped)
    return paragraphs


def _docx(path: Path, builder: _Builder) -> str:
    try:
        document = docx.Document(str(path))
    except (PackageNotFoundError, KeyError, ValueError, OSError, etree.XMLSyntaxError) as error:
        raise ValueError(f"DOCX 无法读取：{error}") from error
    for part in document.iter_inner_content():
        if isinstance(part, Paragraph):
            style = (part.style.name or "") if part.style else ""
            level = re.search(r"(?:Heading|标题)\s*(\d)", style)
            if level and part.text.strip():
                builder.heading(int(level[1]), part.text)
            builder.paragraph(part.text)
        elif isinstance(part, Table):
            for row in part.rows:
                cells = dict.fromkeys(cell.text.strip() for cell in row.cells)
                builder.paragraph(" | ".join(cell for cell in cells if cell))
    return str(document.core_properties.title or "")


_BLOCK_TAGS = frozenset(
    {"p", "li", "dt", "dd", "blockquote", "pre", "td", "th", "div", "section", "article", "figcaption", "caption"}
)
_DROPPED = ("script", "style", "noscript", "template", "nav", "footer", "form", "iframe", "svg", "header")


def _html(source: str, builder: _Builder) -> str:
    if not source.strip():
        return ""
    try:
        tree = html.document_fromstring(
            re.sub(r"^\s*<\?xml[^>]*\?>", "", source), parser=html.HTMLParser(no_network=True, huge_tree=False)
        )
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise ValueError(f"HTML 无法读取：{error}") from error
    title = (tree.findtext(".//title") or "").strip()
    etree.strip_elements(tree, *_DROPPED, etree.Comment, with_tail=False)
    body = tree.find("body")
    _walk_html(tree if body is None else body, builder)
    return title


def _walk_html(root: html.HtmlElement, builder: _Builder) -> None:
    """Text in document order: a heading or a block element ends the paragraph that is open."""
    pending: list[str] = []

    def flush() -> None:
        builder.paragraph(" ".join("".join(pending).split()))
        pending.clear()

    for event, element in etree.iterwalk(root, events=("start", "end")):
        tag = element.tag if isinstance(element.tag, str) else ""
        heading = _HEADING.fullmatch(tag)
        if event == "start":
            if heading or tag in _BLOCK_TAGS or tag in ("br", "tr", "table", "ul", "ol"):
                flush()
            if heading:
                builder.heading(int(heading[1]), " ".join("".join(element.itertext()).split()))
            pending.append(element.text or "")
        else:
            if heading or tag in _BLOCK_TAGS or tag == "tr":
                flush()
            if element is not root:
                pending.append(element.tail or "")
    flush()


def _markdown(source: str, builder: _Builder) -> str:
    title = ""
    level = 0
    for token in MarkdownIt("commonmark").enable("table").parse(source):
        if token.type == "heading_open":
            level = int(token.tag[1])
        elif token.type == "inline":
            text = "".join(child.content or " " for child in token.children or [] if child.type != "image")
            if level:
                builder.heading(level, text)
                title = title or text
                level = 0
            builder.paragraph(text)
        elif token.type in ("fence", "code_block"):
            builder.paragraph(token.content)
    return title


def _plain(source: str, builder: _Builder) -> None:
    for line in source.splitlines():
        builder.paragraph(line)
