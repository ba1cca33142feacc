"""What an uploaded file is, told by its first bytes and never by its name. Pure."""

from __future__ import annotations

from typing import Literal

from backend.core.errors import InputError

Kind = Literal["pdf", "image"]

HEAD = 1024
"""Bytes that :func:`kind_of` looks at."""

_ACCEPTED: tuple[tuple[bytes, Kind], ...] = (
    (b"%PDF-", "pdf"),
    (b"\xff\xd8\xff", "image"),
    (b"\x89PNG\r\n\x1a\n", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
)
_KNOWN: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "可执行文件"),
    (b"\x7fELF", "可执行文件"),
    (b"#!", "脚本"),
    (b"PK\x03\x04", "压缩包或 Office 文档"),
    (b"Rar!", "压缩包"),
    (b"7z\xbc\xaf", "压缩包"),
    (b"\x1f\x8b", "压缩包"),
    (b"\xd0\xcf\x11\xe0", "旧版 Office 文档"),
    (b"{\\rtf", "RTF 文档"),
    (b"GIF8", "GIF 图片"),
    (b"RIFF", "WebP 图片或音视频"),
    (b"CAJ", "CAJ 文件，请先转换成 PDF"),
    (b"HN\x00", "CAJ 文件，请先转换成 PDF"),
    (b"KDH", "KDH 文件，请先转换成 PDF"),
    (b"%!PS", "PostScript 文件"),
)


def kind_of(head: bytes) -> Kind:
    """The kind of file that begins with ``head``.

    A PDF must begin with its mark: one that hides behind other bytes (which viewers tolerate) is how a file that is two
    things at once gets in.

    :raises InputError: for anything but PDF, JPEG, PNG and TIFF, saying what it seems to be.
    """
    if not head:
        raise _refused("上传的文件是空的。", "empty")
    for mark, kind in _ACCEPTED:
        if head.startswith(mark):
            return kind
    raise _refused(f"只接受 PDF、JPEG、PNG、TIFF 文件；这个文件看来是{_guess(head)}。", "type")


def _guess(head: bytes) -> str:
    for mark, words in _KNOWN:
        if head.startswith(mark):
            return words
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html", b"<script", b"<svg", b"<?xml", b"<")):
        return "网页或 XML"
    return "前面混有其他内容的 PDF" if b"%PDF-" in head else "其他类型"


def _refused(message: str, reason: str) -> InputError:
    return InputError(message, detail={"where": "file", "reason": reason})
