"""PDF and Word files as the tests need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import docx
from reportlab.lib.pagesizes import A4
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas

from indexer.records import Document
from indexer.sources.opening import ReadingOptions, read_path
from indexer.sources.values import Outcome, Read

FONT = "STSong-Light"
Draw = Callable[[Canvas], None]


def pdf(path: Path, *pages: Draw, **options: Any) -> Path:
    """A PDF whose pages are drawn by functions."""
    pdfmetrics.registerFont(UnicodeCIDFont(FONT))
    canvas = Canvas(str(path), pagesize=A4, **options)
    for draw in pages:
        canvas.setFont(FONT, 11)
        draw(canvas)
        canvas.showPage()
    canvas.save()
    return path


def lines(canvas: Canvas, texts: Sequence[str], *, left: float = 70, top: float = 700, size: float = 11) -> None:
    """Lines one below the other."""
    canvas.setFont(FONT, size)
    for number, text in enumerate(texts):
        canvas.drawString(left, top - number * size * 1.6, text)


def ruled_table(canvas: Canvas, rows: Sequence[Sequence[str]], *, left: float = 70, top: float = 600) -> None:
    """A table with rules; a line break in a cell starts a second line there."""
    wide, tall = 110, 40
    for number, row in enumerate(rows):
        for place, cell in enumerate(row):
            x, y = left + place * wide, top - (number + 1) * tall
            canvas.rect(x, y, wide, tall)
            for line, text in enumerate(cell.split("\n")):
                canvas.drawString(x + 4, y + tall - 14 - 14 * line, text)


def word(path: Path, build: Callable[[Any], None]) -> Path:
    """A DOCX that a function fills."""
    document = docx.Document()
    build(document)
    document.save(str(path))
    return path


def outcomes(path: Path, kind: str | None = None) -> list[Outcome]:
    return [outcome for _, outcome in read_path(str(path), ReadingOptions(kind=kind))]


def document(path: Path, kind: str | None = None) -> Document:
    """The one document that a file holds."""
    (read,) = [one for one in outcomes(path, kind) if isinstance(one, Read)]
    assert isinstance(read.thing, Document)
    return read.thing


def told(thing: Document) -> list[tuple[int | None, str, str]]:
    """(page, clause, text) of every block."""
    return [(block.page, block.clause, thing.text[block.start : block.end].strip()) for block in thing.blocks]
