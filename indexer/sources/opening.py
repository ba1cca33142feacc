"""From what a person names (a file, a folder, a zip, an address) to the readers of what is in it."""

from __future__ import annotations

import csv
import itertools
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

from lxml import etree

from indexer.records import Kind
from indexer.sources import documents, feeds, jsonl, marc, marc_lines, saved_answers, tables
from indexer.sources.addresses import is_address, read_address
from indexer.sources.archives import Unpacked, gunzip, unpack
from indexer.sources.descriptions import Describer
from indexer.sources.formats import BY_SUFFIX, detect_format
from indexer.sources.marks import document_mark
from indexer.sources.options import ReadingOptions
from indexer.sources.values import Noticed, Outcome, Outcomes, Read, Skipped, SourceError, Unchanged

FORMATS = ("auto", "marc", "marcxml", "mrk", "oai", "sru", "csv", "xlsx", "jsonl", "rss", "files")
_CLUTTER = frozenset({"thumbs.db", "desktop.ini"})

__all__ = ["FORMATS", "ReadingOptions", "detect_format", "read_input", "read_path"]


def read_input(given: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    """Everything behind a path or an address.

    :raises SourceError: when there is nothing, or nothing that can be read.
    """
    if is_address(given):
        return read_address(given, options, file_reader=_file)
    return read_path(given, options)


def read_path(given: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    """Everything in a file, folder or zip, with the name of the file it stands in.

    :raises SourceError: when there is no such file, or it is not what ``options.format`` says.
    """
    path = Path(given).expanduser()
    if not path.exists():
        raise SourceError(f"没有这个文件或文件夹：{given}")
    if path.is_dir():
        yield from _folder(path, options)
    elif not path.is_file():
        raise SourceError(f"不是普通文件：{given}")
    else:
        yield from _file(path, path.name, options)


def folder_files(root: Path) -> Iterator[Path]:
    """The files of a folder and those below, in order of name; hidden ones and what systems leave behind are no input.
    Symbolic links below ``root`` are listed, never followed."""
    for folder, below, names in os.walk(root, followlinks=False):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith((".", "~$")) and name.lower() not in _CLUTTER:
                yield Path(folder) / name


def _folder(root: Path, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    """The files of a folder and those below. One that cannot be read costs only itself."""
    found = 0
    for path in folder_files(root):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() or not path.is_file():
            yield name, Noticed(place=name, remark="符号链接或特殊文件，没有读取")
            continue
        found += 1
        yield from _guarded(path, name, options)
    if not found:
        raise SourceError(f"文件夹里没有可读的文件：{root}")


def _guarded(path: Path, name: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    """A file among others. When it may hold many records, what it held cannot be told from what is gone (``cut``)."""
    many = Path(name).suffix.lower() in BY_SUFFIX
    try:
        yield from _file(path, name, options)
        return
    except SourceError as error:
        reason = str(error)
    except OSError as error:
        reason = f"无法读取：{error.strerror}"
    yield name, Skipped(place="整个文件", reason=reason, cut=many, source_id="" if many else name)


def _file(path: Path, name: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    format_ = options.format if options.format != "auto" else detect_format(path)
    if format_ == "files" and detect_format(path) in ("zip", "gzip"):
        format_ = detect_format(path)
    if format_ in ("zip", "gzip"):
        outcomes = (_zip if format_ == "zip" else _gzip)(path, name, options)
    else:
        outcomes = zip(itertools.repeat(name), _READERS[format_](path, name, options), strict=False)
    yield from _translated(outcomes, name)


_DAMAGED = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, RuntimeError, EOFError,
    MemoryError, zipfile.BadZipFile, zlib.error, struct.error, csv.Error, etree.LxmlError,
)  # fmt: skip
"""What the libraries that read files raise for damaged ones."""


def _translated(outcomes: Iterator[tuple[str, Outcome]], name: str) -> Iterator[tuple[str, Outcome]]:
    """:raises SourceError: where a library gives up on a damaged file."""
    try:
        yield from outcomes
    except SourceError:
        raise
    except _DAMAGED as error:
        raise SourceError(f"{name}: 文件损坏，无法读取（{type(error).__name__}：{str(error)[:200]}）") from error


def _zip(path: Path, name: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    with tempfile.TemporaryDirectory(prefix="lianwen-zip-") as folder:
        for member in unpack(path, into=Path(folder)):
            if not isinstance(member, Unpacked):
                many = Path(member.place).suffix.lower() in BY_SUFFIX
                yield name, replace(member, cut=many, source_id="" if many else member.source_id)
            elif member.path.suffix == ".zip":
                yield name, Skipped(place=member.name, reason="压缩包里的压缩包不展开", source_id=member.name[:500])
            else:
                yield from _guarded(member.path, member.name, options)


def _gzip(path: Path, name: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    with tempfile.TemporaryDirectory(prefix="lianwen-gzip-") as folder:
        inner = Path(name).name.removesuffix(".gz").removesuffix(".GZ")
        unpacked = gunzip(path, into=Path(folder) / f"content{Path(inner).suffix.lower()[:12]}")
        if detect_format(unpacked) in ("zip", "gzip"):
            raise SourceError(f"{name}: 压缩包里的压缩包不展开")
        yield from _file(unpacked, inner, options)


def _jsonl(path: Path, name: str, options: ReadingOptions) -> Outcomes:
    with path.open("rb") as file:
        yield from jsonl.read_jsonl(file, kind=options.kind)


def _csv(path: Path, name: str, options: ReadingOptions) -> Outcomes:
    with path.open("rb") as file:
        yield from tables.read_csv(file, columns=options.columns, kind=options.kind)


def _document(path: Path, name: str, options: ReadingOptions) -> Outcomes:
    """One file as one document; one whose bytes were loaded before is not read again."""
    source_id, mark = name[:500], document_mark(path, options)
    if options.known.get(source_id) == mark:
        yield Unchanged(source_id=source_id, place=name)
        return
    for outcome in documents.read_document(path, source_id=source_id, kind=cast(Kind | None, options.kind)):
        if isinstance(outcome, Noticed) and outcome.partial:
            mark = ""
        yield replace(outcome, mark=mark) if isinstance(outcome, Read) else outcome


def _answer(path: Path, name: str, options: ReadingOptions) -> Outcomes:
    with path.open("rb") as file:
        head = file.read(8192)
    if saved_answers.looks_like_answer(head):
        return saved_answers.read_answer(path, Describer(kind=options.kind, rules=options.rules))
    return marc.read_marcxml(path, options.rules)


def _feed(path: Path, name: str, options: ReadingOptions) -> Outcomes:
    base = name if name.startswith(("http://", "https://")) else ""
    return feeds.read_feed(path, kind=options.kind, base=base)


_READERS: dict[str, Callable[[Path, str, ReadingOptions], Outcomes]] = {
    "marc": lambda path, name, options: marc.read_iso2709(path, options.rules, options.unchanged),
    "marcxml": lambda path, name, options: marc.read_marcxml(path, options.rules),
    "mrk": lambda path, name, options: marc_lines.read_lines(path, options.rules),
    "answer": _answer,
    "oai": _answer,
    "sru": _answer,
    "csv": _csv,
    "htmltable": lambda path, name, options: tables.read_html(path, columns=options.columns, kind=options.kind),
    "xlsx": lambda path, name, options: tables.read_xlsx(path, columns=options.columns, kind=options.kind),
    "jsonl": _jsonl,
    "rss": _feed,
    "files": _document,
}
