"""What becomes of uploads: rebuilt and stamped, or refused with a reason; the shelf they stand on."""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
import threading
import time
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pikepdf
import pytest
from pypdf import PdfReader

from backend.core.errors import InputError, TooLarge, UpstreamError
from backend.delivery import press, scanner
from backend.delivery.shelf import FileShelf, Finished
from tests.delivery import uploads

LINE = "申请号 LW-ABCD-EFGH2 · 示例市图书馆提供\n本复制件仅供个人学习研究使用。"


@pytest.fixture
def shelf(tmp_path: Path) -> FileShelf:
    return FileShelf(directory=tmp_path / "deliveries", max_bytes=3 * 1024 * 1024, max_pages=20)


def finish(shelf: FileShelf, content: bytes) -> tuple[Finished, bytes]:
    with shelf.incoming() as path:
        shelf.copy(io.BytesIO(content), path)
        made = shelf.finish(path, line=LINE, mark="LW-ABCD-EFGH2", title="LW-ABCD-EFGH2 题名")
    return made, shelf.open(made.stored).read_bytes()


def test_every_page_says_where_it_comes_from_and_keeps_its_text(shelf: FileShelf) -> None:
    made, content = finish(shelf, uploads.pdf(3))
    texts = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
    assert (made.pages, made.bytes, len(texts)) == (3, len(content), 3)
    for number, text in enumerate(texts, 1):
        assert f"Original page {number}" in text
        assert "LW-ABCD-EFGH2" in text
        assert "示例市图书馆提供" in text
        assert "仅供个人学习研究使用" in text


def test_what_acts_or_embeds_is_left_behind(shelf: FileShelf) -> None:
    made, content = finish(shelf, uploads.active_pdf())
    assert {"脚本", "自动动作", "附件", "动态表单"} <= set(made.removed)
    opened = pikepdf.open(io.BytesIO(content))
    assert set(opened.Root.keys()) <= {"/Type", "/Pages", "/Metadata"}
    assert "/Annots" not in opened.pages[0].obj
    plain = io.BytesIO()
    opened.save(plain, qdf=True, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    for trace in (b"evil", b"JavaScript", b"Launch", b"cmd.exe", b"passwd", b"EmbeddedFile"):
        assert trace not in plain.getvalue()


def test_pages_that_inherit_and_are_turned_stay_whole(shelf: FileShelf) -> None:
    _, content = finish(shelf, uploads.inherited_pdf())
    page = PdfReader(io.BytesIO(content)).pages[0]
    assert "Original page 1" in page.extract_text()
    assert page.rotation == 90
    assert (float(page.mediabox.width), float(page.mediabox.height)) == (595, 842)


@pytest.mark.parametrize(
    ("content", "pages"),
    [
        (uploads.picture("JPEG"), 1),
        (uploads.picture("PNG", mode="RGBA"), 1),
        (uploads.picture("PNG", mode="P"), 1),
        (uploads.picture("TIFF", mode="1", pages=4), 4),
        (uploads.picture("TIFF", mode="CMYK"), 1),
    ],
)
def test_pictures_become_pages(shelf: FileShelf, content: bytes, pages: int) -> None:
    made, pdf = finish(shelf, content)
    assert made.pages == pages
    assert "LW-ABCD-EFGH2" in PdfReader(io.BytesIO(pdf)).pages[-1].extract_text()


REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty", lambda: b"", "空"),
    ("a program called .pdf", lambda: b"MZ\x90\x00" + b"\x00" * 3000, "可执行文件"),
    ("a page called .pdf", lambda: b"<!DOCTYPE html><script>alert(1)</script>", "网页"),
    ("an svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', "网页"),
    ("a page before a pdf", lambda: b"<script>x()</script>\n" + uploads.pdf(1), "网页"),
    ("a program before a pdf", lambda: b"MZ" + uploads.pdf(1), "可执行文件"),
    ("an archive", lambda: b"PK\x03\x04" + b"\x00" * 500, "压缩包"),
    ("a CAJ", lambda: b"CAJ\x00" + b"\x00" * 500, "转换成 PDF"),
    ("only the mark of a pdf", lambda: b"%PDF-1.7\n", "损坏"),
    ("noise after the mark", lambda: b"%PDF-1.7\n" + bytes(range(256)) * 40, "损坏"),
    ("half a pdf's head", lambda: uploads.pdf(3)[:80], "损坏"),
    ("a password", uploads.locked_pdf, "打开口令"),
    ("an owner's password", lambda: uploads.locked_pdf(owner_only=True), "权限口令"),
    ("too many pages", lambda: uploads.pdf(21), "上限 20 页"),
    ("a tiff of too many pages", lambda: uploads.picture("TIFF", (8, 8), "1", 25), "上限 20 页"),
    ("half a picture", lambda: uploads.picture("JPEG")[:400], "损坏"),
    ("a picture of 10^10 pixels", lambda: bomb_png(), "过大"),
]  # fmt: skip


def bomb_png() -> bytes:
    content = bytearray(uploads.picture("PNG", (10, 10), "1"))
    content[16:24] = struct.pack("!II", 100_000, 100_000)
    content[29:33] = struct.pack("!I", zlib.crc32(content[12:29]))
    return bytes(content)


@pytest.mark.parametrize(("made", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_be_delivered_is_refused_with_the_reason(
    shelf: FileShelf, made: Callable[[], bytes], words: str
) -> None:
    with pytest.raises(InputError, match=words) as refused:
        finish(shelf, made())
    assert refused.value.detail is not None
    assert refused.value.detail["where"] == "file"
    assert [path for path in shelf.directory.rglob("*") if path.is_file()] == []


def test_a_tree_of_pages_that_contains_itself_is_read_once_or_refused(shelf: FileShelf) -> None:
    began = time.monotonic()
    with contextlib.suppress(InputError):
        assert finish(shelf, uploads.looping_pdf())[0].pages <= 2
    assert time.monotonic() - began < 30


def test_what_was_appended_to_a_pdf_does_not_come_along(shelf: FileShelf) -> None:
    _, content = finish(shelf, uploads.pdf(1) + b"\nPK\x03\x04evil-archive<script>evil()</script>")
    assert b"evil" not in content


async def endless(read: list[int]) -> AsyncIterator[bytes]:
    for _ in range(500):
        read.append(1024 * 1024)
        yield b"%" * (1024 * 1024)


async def test_an_upload_of_half_a_gigabyte_is_cut_at_the_limit(shelf: FileShelf) -> None:
    read: list[int] = []
    with shelf.incoming() as path:
        with pytest.raises(TooLarge):
            await shelf.receive(endless(read), path)
        assert path.stat().st_size <= shelf.max_bytes
    assert sum(read) <= shelf.max_bytes + 1024 * 1024
    assert not path.exists()


def test_files_are_private_and_randomly_named(shelf: FileShelf) -> None:
    made, _ = finish(shelf, uploads.pdf(1))
    path = shelf.open(made.stored)
    assert path.stat().st_mode & 0o077 == 0
    assert len(path.stem) == 48
    assert shelf.open(f"../deliveries/{made.stored}") == path


def test_the_sweep_takes_what_no_row_names_and_leaves_what_is_under_way(shelf: FileShelf) -> None:
    kept, orphan = finish(shelf, uploads.pdf(1))[0].stored, finish(shelf, uploads.pdf(1))[0].stored
    crashed = shelf.directory / "incoming" / "abc"
    crashed.write_bytes(b"half an upload")
    assert shelf.sweep({kept}) == []
    for path in (shelf.directory / orphan, crashed, shelf.directory / kept):
        os.utime(path, (time.time() - 7200,) * 2)
    assert shelf.sweep({kept}) == [orphan, "abc"]
    assert (shelf.directory / kept).exists()


def test_all_characters_of_member_names_can_be_drawn() -> None:
    drawn = press._drawing(595, 842, press.Stamp(line="示例市云山县图书馆 · 鄱阳、婺源、赣州", mark="LW-2", title="t"))
    assert "鄱阳、婺源、赣州" in PdfReader(io.BytesIO(drawn)).pages[0].extract_text()


class Clamd(threading.Thread):
    """Answers one INSTREAM like clamd."""

    def __init__(self, verdict: bytes) -> None:
        super().__init__(daemon=True)
        self.verdict, self.received = verdict, b""
        self.door = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.door.getsockname()[1]}"
        self.start()

    def run(self) -> None:
        line, _ = self.door.accept()
        with line, line.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            while size := struct.unpack("!I", stream.read(4))[0]:
                self.received += stream.read(size)
            line.sendall(self.verdict)
        self.door.close()


def test_a_scanner_is_asked_when_there_is_one(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"content" * 20_000)
    clean = Clamd(b"stream: OK\0")
    scanner.clamd(clean.address)(file)
    assert clean.received == file.read_bytes()
    with pytest.raises(InputError, match="Eicar-Signature"):
        scanner.clamd(Clamd(b"stream: Eicar-Signature FOUND\0").address)(file)
    with pytest.raises(UpstreamError):
        scanner.clamd(Clamd(b"INSTREAM size limit exceeded. ERROR\0").address)(file)


def test_without_an_answer_of_the_scanner_nothing_is_delivered(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"x")
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    with pytest.raises(UpstreamError):
        scanner.clamd(f"127.0.0.1:{port}", timeout=2)(file)
