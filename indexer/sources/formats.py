"""What a file is, by its first bytes before its name."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from indexer.sources import documents, feeds, marc, marc_lines, saved_answers
from indexer.sources.values import SourceError

BY_SUFFIX = {
    ".mrc": "marc", ".marc": "marc", ".iso": "marc", ".mrk8": "mrk", ".mrk": "mrk",
    ".csv": "csv", ".tsv": "csv", ".xlsx": "xlsx",
    ".xlsm": "xlsx", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".rss": "rss", ".atom": "rss",
    ".zip": "zip", ".marcxml": "marcxml", ".xml": "marcxml", ".gz": "gzip",
}  # fmt: skip
"""Suffixes of files that hold many records, or other files."""
_INSIDE = {"word/document.xml": "files", "xl/workbook.xml": "xlsx"}
_HEAD = 64 * 1024
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD = {
    ".doc": "旧版 Word 文件（.doc），请另存为 .docx", ".xls": "旧版 Excel 文件（.xls），请另存为 .xlsx",
    ".ppt": "旧版 PowerPoint 文件（.ppt），请另存为 PDF", ".wps": "WPS 文字文件（.wps），请另存为 .docx",
    ".et": "WPS 表格文件（.et），请另存为 .xlsx",
}  # fmt: skip
_FOREIGN = {
    b"Rar!": "RAR 压缩包，请改用 zip", b"7z\xbc\xaf": "7z 压缩包，请改用 zip", b"{\\rtf": "RTF 文件，请另存为 .docx",
    b"\x89PNG": "图片", b"\xff\xd8\xff": "图片", b"GIF8": "图片", b"BM": "图片", b"II*\x00": "图片", b"MM\x00*": "图片",
    b"CAJ\x00": "CAJ 文件，请另存为 PDF", b"HN\x00\x00": "CAJ 文件，请另存为 PDF",
    b"%!PS": "PostScript 文件，请另存为 PDF",
}  # fmt: skip


def detect_format(path: Path) -> str:
    """The format of a file: marc, marcxml, mrk (MARC in lines), answer, csv, xlsx, htmltable (what many systems call
    .xls), jsonl, rss, files (a document), zip or gzip.

    :raises SourceError: when it is empty, or none that can be read, with what to do instead.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    suffix = path.suffix.lower()
    if not head.strip(b"\xef\xbb\xbf \r\n\t\x00"):
        raise SourceError(f"{path.name}: 文件是空的")
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _packed(path)
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(_OLE):
        raise SourceError(f"{path.name}: {_OLD.get(suffix, '旧版 Office 文件或加密的 Office 文件，无法读取')}")
    if b"%PDF-" in head[:1024]:
        return "files"
    for magic, what in _FOREIGN.items():
        if head.startswith(magic) and suffix not in BY_SUFFIX and suffix not in (".txt", ".md", ".markdown"):
            raise SourceError(f"{path.name}: 不支持的文件类型（{what}）")
    if suffix in _OLD and suffix != ".xls":
        raise SourceError(f"{path.name}: {_OLD[suffix]}")
    return _text_format(path, head, suffix)


def _packed(path: Path) -> str:
    """What kind of zip it is: a Word or Excel file, or an archive of files."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "files" if path.suffix.lower() == ".docx" else BY_SUFFIX.get(path.suffix.lower(), "zip")
    for inside, format_ in _INSIDE.items():
        if inside in names:
            return format_
    for inside, what in (
        ("ppt/presentation.xml", "PowerPoint 文件，请另存为 PDF"),
        ("META-INF/container.xml", "EPUB 文件"),
    ):
        if inside in names:
            raise SourceError(f"{path.name}: 不支持的文件类型（{what}）")
    return "zip"


def _text_format(path: Path, head: bytes, suffix: str) -> str:
    plain = head.lstrip(b"\xef\xbb\xbf \r\n\t")
    if suffix in (".xls", ".et") and b"<table" in head.lower():
        return "htmltable"
    if re.match(rb"<!doctype\s+html|<html\b", plain, re.IGNORECASE):
        return "files"
    if feeds.looks_like_feed(head):
        return "rss"
    if saved_answers.looks_like_answer(head):
        return "answer"
    if suffix not in documents.SUFFIXES and marc.looks_like_xml(head):
        return "marcxml"
    if b"\x1e" in head and marc.looks_like_iso2709(head):
        return "marc"
    if suffix not in documents.SUFFIXES - {".txt"} and marc_lines.looks_like_lines(head):
        return "mrk"
    if suffix in documents.SUFFIXES:
        return "files"
    if plain.startswith((b"{", b"[")) and suffix not in (".csv", ".tsv"):
        return "jsonl"
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    if suffix == ".xls":
        return "csv"
    if marc.looks_like_iso2709(head):
        return "marc"
    raise SourceError(f"{path.name}: 无法判断文件格式，请用 --format 指明")
