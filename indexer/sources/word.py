"""DOCX files: headings by outline level or style name (English, Chinese, the standards template's), computed numbers,
tables, footnotes, text boxes, content controls; deleted and generated text (a table of contents) stays out."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.opc.exceptions import OpcError
from lxml import etree

from indexer.sources.archives import guard_size
from indexer.sources.numbering import Numbering, W, value
from indexer.sources.outline import Outline, mark_of, title_like

LARGEST_UNPACKED = 256 * 1024 * 1024
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_DROPPED = frozenset({f"{W}del", f"{W}moveFrom", f"{W}pPr", f"{W}instrText", f"{W}txbxContent", f"{W}rPr", _FALLBACK})
_HEADING = re.compile(r"(?:heading|标题)\s*([1-9])", re.IGNORECASE)
_CLAUSE_STYLE = re.compile(r"([一二三四五六])级(?:条|无)")
_TITLE = re.compile(r"(?:title|标题|文件名称|标准名称)", re.IGNORECASE)
_CONTENTS = re.compile(r"(?:toc|目录|目次)\s*\d*", re.IGNORECASE)
_NOTE_KINDS = {"footnotes": ("footnote", "脚注"), "endnotes": ("endnote", "尾注")}
_MOST_STYLES_DEEP = 12


def read_word(path: Path, outline: Outline) -> str:
    """Fill the outline; returns the title in the file's properties.

    :raises ValueError: when it is no DOCX, has a password, or unpacks to more than is sane.
    """
    try:
        guard_size(path, most=LARGEST_UNPACKED)
        document = docx.Document(str(path))
        _Reader(document, outline).read()
        return str(document.core_properties.title or "").strip()
    except (OpcError, KeyError, OSError, EOFError, AttributeError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"DOCX 无法读取：{error}") from error
    except (zipfile.BadZipFile, etree.XMLSyntaxError, UnicodeError, RecursionError) as error:
        raise ValueError(f"DOCX 损坏：{error}") from error


class _Reader:
    def __init__(self, document: Any, outline: Outline) -> None:
        self._outline = outline
        self._body = document.element.body
        self._styles = {style.get(f"{W}styleId"): style for style in document.styles.element.iterfind(f"{W}style")}
        self._numbering = Numbering(_related(document.part, "numbering"))
        self._notes = {
            (element, note.get(f"{W}id")): (label, _text(note))
            for kind, (element, label) in _NOTE_KINDS.items()
            for note in _notes(_related(document.part, kind), element)
        }
        breaks = self._body.iter(f"{W}lastRenderedPageBreak")
        self._page: int | None = 1 if next(breaks, None) is not None else None
        self._told_notes: set[tuple[str, str | None]] = set()

    def read(self) -> None:
        self._walk(self._body)

    def _walk(self, parent: etree._Element) -> None:
        for child in parent:
            if child.tag == f"{W}p":
                self._paragraph(child)
            elif child.tag == f"{W}tbl":
                self._table(child)
            elif child.tag in (f"{W}sdt", f"{W}sdtContent", f"{W}customXml", f"{W}ins", f"{W}smartTag"):
                self._walk(child)

    def _paragraph(self, element: etree._Element) -> None:
        style = self._style_chain(element)
        names = [name for one in style if (name := value(one, "name"))]
        label = self._label(element, style)
        text = " ".join(part for part in (label, _text(element).strip()) if part)
        page = self._page
        if self._page is not None:
            self._page += sum(1 for _ in element.iter(f"{W}lastRenderedPageBreak"))
            page = self._page if element.find(f"{W}r/{W}lastRenderedPageBreak") is not None else page
        if text.strip() and not any(_CONTENTS.fullmatch(name.strip()) for name in names[:1]):
            level = self._level(element, style, names)
            if level and len(text) <= 200:
                self._outline.heading(level, text, page=page)
            elif label or not (mark_of(text) and title_like(text)):
                self._outline.paragraph(text, page=page)
            else:
                self._outline.line(text, page=page)
        self._asides(element, page)

    def _asides(self, element: etree._Element, page: int | None) -> None:
        """Text boxes and notes, after the paragraph they hang on."""
        for box in element.iter(f"{W}txbxContent"):
            if not any(above.tag == _FALLBACK for above in box.iterancestors()):
                for inner in box.iterfind(f"{W}p"):
                    self._outline.paragraph(_text(inner), page=page)
        for kind, _ in _NOTE_KINDS.values():
            for reference in element.iter(f"{W}{kind}Reference"):
                key = (kind, reference.get(f"{W}id"))
                label, note = self._notes.get(key, ("", ""))
                if note.strip() and key not in self._told_notes:
                    self._told_notes.add(key)
                    self._outline.paragraph(f"{label}：{note.strip()}", page=page)

    def _style_chain(self, element: etree._Element) -> list[etree._Element]:
        """The paragraph's style and those it is based on."""
        properties = element.find(f"{W}pPr")
        name = value(properties, "pStyle") if properties is not None else ""
        chain: list[etree._Element] = []
        while name in self._styles and len(chain) < _MOST_STYLES_DEEP:
            chain.append(self._styles[name])
            name = value(chain[-1], "basedOn")
        return chain

    def _level(self, element: etree._Element, chain: list[etree._Element], names: list[str]) -> int:
        """The heading level; 0 for running text."""
        own = names[0].strip() if names else ""
        if _TITLE.fullmatch(own):
            return 1
        for properties in _properties(element, chain):
            told = value(properties, "outlineLvl")
            if told.isdigit():
                return int(told) + 2 if int(told) < 9 else 0
        for name in names:
            if found := _HEADING.match(name):
                return int(found[1]) + 1
        if own.startswith(("章标题", "附录标")):
            return 2
        clause = _CLAUSE_STYLE.match(own)
        return "一二三四五六".index(clause[1]) + 3 if clause and "标题" in own else 0

    def _label(self, element: etree._Element, chain: list[etree._Element]) -> str:
        """The paragraph's computed number."""
        for place, properties in enumerate(_properties(element, chain)):
            numbered = properties.find(f"{W}numPr")
            if numbered is None:
                continue
            number, depth = value(numbered, "numId"), value(numbered, "ilvl")
            if number == "0":
                return ""
            if not number:
                continue
            style = chain[place - 1].get(f"{W}styleId") if place else ""
            level = int(depth) if depth.isdigit() else self._numbering.level_of_style(number, style or "")
            return self._numbering.label(number, level)
        return ""

    def _table(self, table: etree._Element) -> None:
        rows = [row for row in table.iter(f"{W}tr") if next(row.iterancestors(f"{W}tbl")) is table]
        cells = [[self._cell(cell) for cell in _cells(row)] for row in rows]
        told = bool(rows) and rows[0].find(f"{W}trPr/{W}tblHeader") is not None
        if len(cells) == 1 and len(cells[0]) == 1:
            self._outline.paragraph(cells[0][0], page=self._page)
            return
        self._outline.table(cells, header=True if told else None, page=self._page)
        if self._page is not None:
            self._page += sum(1 for _ in table.iter(f"{W}lastRenderedPageBreak"))

    def _cell(self, cell: etree._Element) -> str:
        parts = []
        for paragraph in cell.iter(f"{W}p"):
            label = self._label(paragraph, self._style_chain(paragraph))
            parts.append(" ".join(part for part in (label, _text(paragraph).strip()) if part))
        return " ".join(part for part in parts if part)


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    for child in row:
        if child.tag == f"{W}tc":
            yield child
        elif child.tag == f"{W}sdt":
            yield from child.iterfind(f"{W}sdtContent/{W}tc")


def _properties(element: etree._Element, chain: list[etree._Element]) -> Iterator[etree._Element]:
    """The paragraph's own properties, then those of its styles; an empty place keeps the count."""
    for one in (element, *chain):
        found = one.find(f"{W}pPr")
        yield found if found is not None else etree.Element("none")


def _text(element: etree._Element) -> str:
    """The words of a paragraph (or a note): no deletions, no field codes, no text boxes."""
    words: list[str] = []
    waiting = list(reversed(element))
    while waiting:
        child = waiting.pop()
        if child.tag in _DROPPED:
            continue
        if child.tag == f"{W}t":
            words.append(child.text or "")
        elif child.tag in (f"{W}tab", f"{W}ptab"):
            words.append(" ")
        elif child.tag in (f"{W}br", f"{W}cr"):
            words.append("\n")
        elif child.tag == f"{W}noBreakHyphen":
            words.append("-")
        else:
            waiting.extend(reversed(child))
            if child.tag == f"{W}p" and words:
                words.append("\n")
    return "".join(words)


def _related(part: Any, kind: str) -> etree._Element | None:
    """The root of a part that hangs on the document; None when there is none."""
    for relation in part.rels.values():
        if relation.reltype.endswith(f"/{kind}") and not relation.is_external:
            parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
            return etree.fromstring(relation.target_part.blob, parser)
    return None


def _notes(root: etree._Element | None, element: str) -> Iterator[etree._Element]:
    """The notes that a person wrote; separators are none."""
    for note in root.iterfind(f"{W}{element}") if root is not None else ():
        if note.get(f"{W}type") in (None, "normal"):
            yield note
