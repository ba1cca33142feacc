"""Turns an upload into the file that a reader gets: pages only, each with its line of provenance.

Run as a process of its own (``python -m backend.delivery.press``; see :mod:`backend.delivery.pressing`) under limits of
memory and time, because it opens files that strangers wrote. The result is a new document made of the pages' contents
and resources and nothing else: scripts, actions, forms, attachments, links, metadata and whatever was appended to the
file stay behind. What is seen of forms and annotations is drawn into the page first. Images are decoded and encoded
anew.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pikepdf
from PIL import Image, ImageSequence
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

FONT_FILE = Path(__file__).parent / "fonts" / "NotoSansSC-GB2312.ttf"
FONT = "NotoSansSC"
MAX_PIXELS = 60_000_000
"""A page of A4 at 600 dpi has 35 million."""
PRINT_DPI = 200
PAGE_KEYS = frozenset(
    {"/Type", "/MediaBox", "/CropBox", "/Rotate", "/Resources", "/Contents", "/UserUnit", "/Group", "/Parent"}
)
INHERITED = ("/MediaBox", "/CropBox", "/Rotate", "/Resources")
ACTIVE_KEYS = (
    "/JS", "/JavaScript", "/OpenAction", "/AA", "/Launch", "/EF", "/EmbeddedFiles", "/AF", "/RichMediaContent",
    "/Metadata", "/PieceInfo", "/OPI", "/Ref", "/StructParent", "/StructParents", "/Alternates",
)  # fmt: skip

ACTIVE_WORDS = {
    "脚本": {"/JS", "/JavaScript"},
    "自动动作": {"/OpenAction", "/AA"},
    "附件": {"/EF", "/EmbeddedFiles", "/RichMediaContent"},
    "动态表单": {"/XFA"},
}
ACTIONS = {
    "/JavaScript": "脚本", "/Launch": "自动动作", "/SubmitForm": "自动动作", "/ImportData": "自动动作",
    "/GoToR": "自动动作", "/GoToE": "自动动作",
}  # fmt: skip


class Refused(Exception):
    """The file cannot be delivered. ``reason`` is a stable word, the message is for the librarian."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What each page says: ``line`` at its foot, ``mark`` faintly across it, ``title`` in the document's properties."""

    line: str
    mark: str
    title: str


def press(source: Path, target: Path, kind: str, stamp: Stamp, *, max_pages: int) -> dict[str, Any]:
    """Write ``target``; returns ``{"pages", "removed"}``.

    :raises Refused: when the upload is no readable document, is locked, or has too many pages.
    """
    if kind == "image":
        opened, removed = pikepdf.open(io.BytesIO(image_to_pdf(source, max_pages))), []
    else:
        opened = _open(source)
        removed = active_parts(opened)
    with opened, pikepdf.new() as made:
        count = _count(opened, max_pages)
        _flatten(opened)
        for page in opened.pages:
            made.pages.append(_bare(made, page))
        _scrub(made)
        _stamp_all(made, stamp)
        with made.open_metadata(set_pikepdf_as_editor=False) as metadata:
            metadata["dc:title"] = stamp.title
        made.docinfo["/Title"] = stamp.title
        # streams are copied as they are: pictures keep their quality, and no bomb is unpacked
        made.save(
            target,
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            stream_decode_level=pikepdf.StreamDecodeLevel.none,
        )
    return {"pages": count, "removed": removed}


def _open(source: Path) -> pikepdf.Pdf:
    try:
        opened = pikepdf.open(source, suppress_warnings=True)
    except pikepdf.PasswordError as error:
        raise Refused("password", "这份 PDF 设有打开口令，请去掉口令后再上传。") from error
    except pikepdf.PdfError as error:
        raise Refused("damaged", "这份 PDF 已损坏，无法读取。") from error
    if opened.is_encrypted:
        opened.close()
        raise Refused("password", "这份 PDF 设有权限口令（加密），请用未加密的文件。")
    return opened


def _count(opened: pikepdf.Pdf, max_pages: int) -> int:
    try:
        count = len(opened.pages)
    except (pikepdf.PdfError, RecursionError, ValueError) as error:
        raise Refused("damaged", "这份 PDF 已损坏，读不出页。") from error
    if count == 0:
        raise Refused("damaged", "这份 PDF 里没有页。")
    if count > max_pages:
        raise Refused("pages", f"文件有 {count} 页，超过一次传递的上限 {max_pages} 页。")
    return count


def active_parts(opened: pikepdf.Pdf) -> list[str]:
    """Which active contents the upload has, in words."""
    found = set()
    for thing in opened.objects:
        found |= _active(thing, 0)
    return sorted(found)


def _active(thing: Any, depth: int) -> set[str]:
    """What acts in this object and the objects written inside it (those it refers to come by themselves)."""
    if depth > 20 or not isinstance(thing, pikepdf.Dictionary | pikepdf.Stream | pikepdf.Array):
        return set()
    found: set[str] = set()
    if isinstance(thing, pikepdf.Array):
        for each in thing:
            if isinstance(each, pikepdf.Object) and not each.is_indirect:
                found |= _active(each, depth + 1)
        return found
    keys = set(thing.keys())
    kind = str(thing.get("/S", ""))
    found |= {word for word, marks in ACTIVE_WORDS.items() if marks & keys}
    found |= {ACTIONS[kind]} if kind in ACTIONS else set()
    for key in keys:
        each = thing[key]
        if isinstance(each, pikepdf.Object) and not each.is_indirect:
            found |= _active(each, depth + 1)
    return found


def _flatten(opened: pikepdf.Pdf) -> None:
    """Draw what is seen of annotations and forms into the pages; broken ones are simply left out."""
    try:
        opened.generate_appearance_streams()
        opened.flatten_annotations("all")
    except (pikepdf.PdfError, ValueError, RuntimeError, TypeError):
        return


def _bare(made: pikepdf.Pdf, page: pikepdf.Page) -> pikepdf.Page:
    """The page in the new document, with its contents and resources only."""
    source = page.obj
    for key in INHERITED:
        value = _inherited(source, key)
        if value is not None:
            source[key] = value
    for key in set(source.keys()) - PAGE_KEYS:
        del source[key]
    return page


def _inherited(node: Any, key: str) -> Any:
    for _ in range(50):
        if key in node:
            return node[key]
        if "/Parent" not in node:
            return None
        node = node["/Parent"]
    return None


def _scrub(made: pikepdf.Pdf) -> None:
    """Take out of everything that came along what acts, embeds or points outside the file."""
    for thing in made.objects:
        if not isinstance(thing, pikepdf.Dictionary | pikepdf.Stream):
            continue
        for key in ACTIVE_KEYS:
            if key in thing:
                del thing[key]
        if isinstance(thing, pikepdf.Stream):
            for key in ("/F", "/FFilter", "/FDecodeParms"):  # a stream whose data lie in another file
                if key in thing:
                    del thing[key]


def _stamp_all(made: pikepdf.Pdf, stamp: Stamp) -> None:
    drawn: dict[tuple[float, float], pikepdf.Pdf] = {}
    for page in made.pages:
        width, height = _shown_size(page)
        key = (round(width, 1), round(height, 1))
        if key not in drawn:
            drawn[key] = pikepdf.open(io.BytesIO(_drawing(*key, stamp)))
        page.add_overlay(drawn[key].pages[0], None)
    for each in drawn.values():
        each.close()


def _shown_size(page: pikepdf.Page) -> tuple[float, float]:
    """Width and height as a reader sees them, in points; a nonsense box is taken as A4."""
    try:
        left, bottom, right, top = (float(side) for side in page.cropbox)
        width, height = abs(right - left), abs(top - bottom)
        turned = int(page.obj.get("/Rotate", 0)) % 180 == 90
    except (TypeError, ValueError, pikepdf.PdfError):
        width, height, turned = 0.0, 0.0, False
    if not (10 <= width <= 15_000 and 10 <= height <= 15_000):
        box = [0, 0, 595, 842]
        page.obj["/MediaBox"], page.obj["/CropBox"] = pikepdf.Array(box), pikepdf.Array(box)
        return 595.0, 842.0
    return (height, width) if turned else (width, height)


def _drawing(width: float, height: float, stamp: Stamp) -> bytes:
    """One page of that size with the line at its foot and the mark across it."""
    if FONT not in pdfmetrics.getRegisteredFontNames():
        pdfmetrics.registerFont(TTFont(FONT, str(FONT_FILE)))
    file = io.BytesIO()
    canvas = Canvas(file, pagesize=(width, height), pageCompression=1)
    _across(canvas, width, height, stamp.mark)
    size = max(4.0, min(9.0, width / 66))
    lines = simpleSplit(stamp.line, FONT, size, width * 0.92)
    band = (len(lines) * 1.35 + 0.7) * size
    canvas.setFillColorRGB(1, 1, 1, alpha=0.85)
    canvas.rect(0, 0, width, band, stroke=0, fill=1)
    canvas.setFillColorRGB(0.25, 0.25, 0.25, alpha=1)
    canvas.setFont(FONT, size)
    for row, text in enumerate(lines):
        canvas.drawCentredString(width / 2, band - (row + 1) * 1.35 * size, text)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


def _across(canvas: Canvas, width: float, height: float, mark: str) -> None:
    length = (width**2 + height**2) ** 0.5
    size = min(0.6 * length / max(1.0, pdfmetrics.stringWidth(mark, FONT, 1)), height / 8)
    canvas.saveState()
    canvas.translate(width / 2, height / 2)
    canvas.rotate(35 if height >= width else 20)
    canvas.setFillColorRGB(0.5, 0.5, 0.5, alpha=0.14)
    canvas.setFont(FONT, size)
    canvas.drawCentredString(0, -size / 3, mark)
    canvas.restoreState()


def image_to_pdf(source: Path, max_pages: int) -> bytes:
    """The pictures of a JPEG, PNG or (many-paged) TIFF as a PDF, one a page. One picture at a time is unpacked.

    :raises Refused: for one that is damaged, too large when unpacked, or has too many pages.
    """
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    file = io.BytesIO()
    try:
        with Image.open(source, formats=("JPEG", "PNG", "TIFF")) as opened, pikepdf.new() as made:
            frames = int(getattr(opened, "n_frames", 1))
            if frames > max_pages:
                raise Refused("pages", f"图片有 {frames} 页，超过一次传递的上限 {max_pages} 页。")
            for frame in _flat_frames(opened):
                with pikepdf.open(io.BytesIO(_page_of(frame))) as page:
                    made.pages.extend(page.pages)
            made.save(file)
    except Image.DecompressionBombError as error:
        raise Refused("size", f"图片过大（超过 {MAX_PIXELS // 1_000_000} 百万像素），请降低分辨率后再上传。") from error
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise Refused("damaged", "这张图片已损坏，无法读取。") from error
    return file.getvalue()


def _page_of(frame: Image.Image) -> bytes:
    """A PDF of one page: black and white without loss, the rest as JPEG."""
    file = io.BytesIO()
    settings = {} if frame.mode == "1" else {"quality": 88}
    frame.save(file, "PDF", resolution=PRINT_DPI, **settings)
    return file.getvalue()


def _flat_frames(opened: Image.Image) -> Iterator[Image.Image]:
    """Every page on white, in black and white, grey or colour."""
    for frame in ImageSequence.Iterator(opened):
        if frame.width * frame.height > MAX_PIXELS:
            raise Image.DecompressionBombError
        if frame.mode in ("1", "L", "RGB"):
            yield frame.copy()
            continue
        seen = frame.convert("RGBA")
        ground = Image.new("RGBA", seen.size, "white")
        ground.alpha_composite(seen)
        yield ground.convert("RGB")


def main(order: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out an order from :mod:`backend.delivery.pressing`."""
    stamp = Stamp(line=order["line"], mark=order["mark"], title=order["title"])
    try:
        return press(
            Path(order["source"]), Path(order["target"]), order["kind"], stamp, max_pages=int(order["max_pages"])
        )
    except Refused as refused:
        return {"refused": refused.reason, "message": refused.message}
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, RecursionError, RuntimeError) as error:
        return {"refused": "damaged", "message": "这份文件已损坏，无法处理。", "cause": repr(error)[:500]}


def limit(order: Mapping[str, Any]) -> None:
    """Bind this process to the order's limits, before it opens anything."""
    for kind, most in (
        (resource.RLIMIT_AS, int(order["memory"])),
        (resource.RLIMIT_CPU, int(order["seconds"])),
        (resource.RLIMIT_FSIZE, int(order["max_bytes"])),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    given = json.load(sys.stdin)
    limit(given)
    sys.stdout.write(json.dumps(main(given), ensure_ascii=False))
