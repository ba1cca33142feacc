"""Reads one PDF in a process of its own and writes a JSON line a page: lines with their places, tables, OCR.

A hostile file may loop, fill the memory or crash a C library: then only this process ends. Run as
``python -m indexer.sources.pdf_worker FILE [ocr]``; it imports nothing else of the program.
"""

from __future__ import annotations

import ctypes
import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pypdfium2.raw as pdfium

MEMORY = 1024**3
OCR_MEMORY = 5 * 1024**3 // 2
"""Bytes of address space without and with the model that recognises pages."""
MOST_PAGES = 5_000
MOST_CHARACTERS_A_PAGE = 100_000
MOST_RULES = 6_000
FEWEST_CHARACTERS = 8
"""A page with fewer is taken for a scanned one."""
OCR_PIXELS = 2200
"""The longer side of the picture of a page that is recognised."""

Character = tuple[str, float, float, float, float]


def main(path: str, *, ocr: bool) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, OCR_MEMORY))
    try:
        document = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as error:
        _say({"error": "password" if "password" in str(error).lower() else "damaged", "detail": str(error)})
        return
    count = len(document)
    _say({"pages": count, "title": document.get_metadata_dict().get("Title", ""), "limit": MOST_PAGES})
    recognise = _recogniser() if ocr else None
    for number in range(min(count, MOST_PAGES)):
        try:
            page = document[number]
            _say({"number": number + 1, **read_page(page, recognise)})
            page.close()
        except (pypdfium2.PdfiumError, ValueError, OSError, OverflowError) as error:
            _say({"number": number + 1, "lines": [], "tables": [], "problem": str(error)[:200]})


def _say(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def read_page(page: Any, recognise: Any) -> dict[str, Any]:
    """Lines ``[text, left, top, right, bottom, size]`` from the top left corner, tables, how they were got."""
    width, height = page.get_size()
    characters = list(_characters(page.get_textpage(), height))
    lines = _lines(characters)
    said: dict[str, Any] = {"width": width, "height": height, "lines": lines, "tables": [], "ocr": False}
    if _readable(lines, pictured=_pictured(page)):
        said["tables"] = list(_tables(_rules(page, height), characters))
        return said
    said["lines"] = []
    said["scanned"] = True
    if recognise is not None:
        said["lines"], said["ocr"] = list(recognise(page, width, height)), True
    return said


def _pictured(page: Any) -> bool:
    return next(iter(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=4)), None) is not None


def _readable(lines: list[list[Any]], *, pictured: bool) -> bool:
    """Is there text, and do its codes mean characters? (Fonts without a map give private or replaced ones.)

    A few characters beside a picture are a scan's page number; without one the page is short, such as a title page.
    """
    text = "".join(line[0] for line in lines).replace(" ", "").replace("\t", "")
    odd = sum("\ue000" <= c <= "\uf8ff" or c == "\ufffd" or c < " " for c in text)
    return len(text) >= (FEWEST_CHARACTERS if pictured else 1) and odd <= len(text) * 0.3


def _characters(textpage: Any, height: float) -> Iterator[Character]:
    """Every character with its box; a line break that pdfium found has none."""
    raw = textpage.raw
    box = pdfium.FS_RECTF()
    for place in range(min(textpage.count_chars(), MOST_CHARACTERS_A_PAGE)):
        code = pdfium.FPDFText_GetUnicode(raw, place)
        if code in (0, 0xFFFE, 0xFFFF) or 0xD800 <= code <= 0xDFFF:
            continue
        pdfium.FPDFText_GetLooseCharBox(raw, place, ctypes.byref(box))
        yield chr(code), box.left, height - box.top, box.right, height - box.bottom


def _lines(characters: list[Character]) -> list[list[Any]]:
    """Characters gathered up to a line break; a wide gap inside a line becomes a tab."""
    lines: list[list[Any]] = []
    open_line: list[Character] = []
    for character in [*characters, ("\n", 0.0, 0.0, 0.0, 0.0)]:
        if character[0] not in "\r\n":
            open_line.append(character)
        elif open_line:
            lines += _line(open_line)
            open_line = []
    return lines


def _line(characters: list[Character]) -> list[list[Any]]:
    inked = [c for c in characters if not c[0].isspace() and c[3] > c[1]]
    if not inked:
        return []
    sizes = sorted(c[4] - c[2] for c in inked)
    size = sizes[len(sizes) // 2]
    text, right = "", inked[0][1]
    for letter, left, _, own_right, _ in characters:
        if letter.isspace() or own_right <= left:
            text += " " if letter.isspace() else letter
            continue
        if left - right > 1.2 * size and text.strip():
            text = text.rstrip() + "\t"
        text += letter
        right = own_right
    box = (min(c[1] for c in inked), min(c[2] for c in inked), max(c[3] for c in inked), max(c[4] for c in inked))
    return [[text.strip(), *(round(side, 1) for side in box), round(size, 1)]]


def _rules(page: Any, height: float) -> tuple[list[tuple[float, ...]], list[tuple[float, ...]]]:
    """Horizontal and vertical rules ``(left, top, right, bottom)``; the edges of a box are rules."""
    across: list[tuple[float, ...]] = []
    down: list[tuple[float, ...]] = []
    for shape in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_PATH], max_depth=4):
        left, bottom, right, top = shape.get_bounds()
        top, bottom = height - top, height - bottom
        if len(across) + len(down) > MOST_RULES:
            return [], []
        wide, tall = right - left, bottom - top
        if wide > 8 and tall < 3:
            across.append((left, top, right, bottom))
        elif tall > 5 and wide < 3:
            down.append((left, top, right, bottom))
        elif wide > 8 and tall > 5:
            across += [(left, top, right, top), (left, bottom, right, bottom)]
            down += [(left, top, left, bottom), (right, top, right, bottom)]
    return across, down


def _tables(
    rules: tuple[list[tuple[float, ...]], list[tuple[float, ...]]], characters: list[Character]
) -> Iterator[dict[str, Any]]:
    """Grids of rules with text in two columns and two rows at least."""
    across, down = rules
    for group in _connected([*across, *down]):
        box = (min(r[0] for r in group), min(r[1] for r in group), max(r[2] for r in group), max(r[3] for r in group))
        columns = _borders([r[0] for r in group if r[2] - r[0] < 3] + [box[0], box[2]])
        rows = _borders([r[1] for r in group if r[3] - r[1] < 3] + [box[1], box[3]])
        if len(columns) < 3 or len(rows) < 3 or len(columns) * len(rows) > 20_000:
            continue
        cells = _cells(characters, columns, rows)
        filled_rows = [row for row in cells if sum(bool(cell.strip()) for cell in row) >= 2]
        filled_columns = sum(any(row[place].strip() for row in cells) for place in range(len(columns) - 1))
        if len(filled_rows) >= 2 and filled_columns >= 2:
            yield {"box": [round(side, 1) for side in box], "rows": cells}


def _connected(rules: list[tuple[float, ...]]) -> list[list[tuple[float, ...]]]:
    """Groups of rules that touch, swept from the top."""
    groups: list[tuple[list[float], list[tuple[float, ...]]]] = []
    for rule in sorted(rules, key=lambda rule: rule[1]):
        touching = [group for group in groups if _touch(group[0], rule)]
        merged = ([rule[0], rule[1], rule[2], rule[3]], [rule])
        for box, members in touching:
            merged[1].extend(members)
            merged[0][:] = [
                min(merged[0][0], box[0]), min(merged[0][1], box[1]), max(merged[0][2], box[2]),
                max(merged[0][3], box[3]),
            ]  # fmt: skip
        groups = [group for group in groups if not any(group is one for one in touching)] + [merged]
    return [members for _, members in groups if len(members) >= 4]


def _touch(box: list[float], rule: tuple[float, ...]) -> bool:
    near = 3.0
    return (
        box[0] - near <= rule[2] and rule[0] <= box[2] + near and box[1] - near <= rule[3] and rule[1] <= box[3] + near
    )


def _borders(places: list[float]) -> list[float]:
    """Places that differ by more than the width of a rule."""
    borders: list[float] = []
    for place in sorted(places):
        if not borders or place - borders[-1] > 4:
            borders.append(place)
    return borders


def _cells(characters: list[Character], columns: list[float], rows: list[float]) -> list[list[str]]:
    cells = [["" for _ in columns[1:]] for _ in rows[1:]]
    for letter, left, top, right, bottom in characters:
        if letter in "\r\n" or right <= left:
            continue
        column = sum(border <= (left + right) / 2 for border in columns) - 1
        row = sum(border <= (top + bottom) / 2 for border in rows) - 1
        if 0 <= column < len(columns) - 1 and 0 <= row < len(rows) - 1:
            cells[row][column] += letter
    return cells


def _recogniser() -> Any:
    """A function that recognises a page. The model (of the extra ``ocr``) is loaded when first needed."""
    engines: list[Any] = []

    def recognise(page: Any, width: float, height: float) -> Iterator[list[Any]]:
        import logging

        if not engines:
            resource.setrlimit(resource.RLIMIT_AS, (OCR_MEMORY, OCR_MEMORY))
            logging.disable(logging.CRITICAL)
            from rapidocr import RapidOCR

            engines.append(RapidOCR())
        import numpy

        scale = OCR_PIXELS / max(width, height, 1.0)
        picture = numpy.asarray(page.render(scale=min(scale, 4.0)).to_pil().convert("RGB"))
        found = engines[0](picture)
        factor = min(scale, 4.0)
        for text, corners in zip(found.txts or (), found.boxes if found.boxes is not None else (), strict=False):
            xs, ys = [float(x) / factor for x, _ in corners], [float(y) / factor for _, y in corners]
            yield [
                str(text), round(min(xs), 1), round(min(ys), 1), round(max(xs), 1), round(max(ys), 1),
                round(max(ys) - min(ys), 1),
            ]  # fmt: skip

    return recognise


if __name__ == "__main__":
    main(sys.argv[1], ocr="ocr" in sys.argv[2:])
