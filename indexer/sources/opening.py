"""From what a person names (a file, a folder, a zip, an address) to the readers of what is in it."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import cast
from urllib.parse import urlsplit

import httpx

from indexer.records import Kind
from indexer.sources import documents, feeds, jsonl, marc, marc_lines, oai_pmh, tables
from indexer.sources.archives import Unpacked, unpack
from indexer.sources.holding_rules import HoldingRules
from indexer.sources.unchanged import Unchanged
from indexer.sources.values import Outcome, Outcomes, Skipped, SourceError
from indexer.sources.web import Fetcher

FORMATS = ("auto", "marc", "marcxml", "mrk", "oai", "sru", "csv", "xlsx", "jsonl", "rss", "files")
_BY_SUFFIX = {
    ".mrc": "marc", ".marc": "marc", ".iso": "marc", ".mrk8": "mrk", ".mrk": "mrk", ".csv": "csv", ".tsv": "csv",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx", ".jsonl": "jsonl", ".ndjson": "jsonl", ".rss": "rss", ".atom": "rss", ".zip": "zip",
    ".marcxml": "marcxml",
}  # fmt: skip
_HEAD = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """How inputs are read. ``columns`` maps a table's headings to fields; ``kind`` is what untold things are; ``rules``
    say how MARC records tell their holdings; ``unchanged`` tells which records need not be read again."""

    format: str = "auto"
    kind: str | None = None
    columns: Mapping[str, str] | None = None
    harvest: Mapping[str, str] = field(default_factory=dict)
    rules: HoldingRules | None = None
    unchanged: Unchanged | None = None


def read_input(given: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    """Everything behind a path or an address.

    :raises SourceError: when there is nothing, or nothing that can be read.
    """
    if given.startswith(("http://", "https://")):
        return _address(given, options)
    return read_path(given, options)


def _address(url: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    """An OAI-PMH server, or a file or feed on the web, kept in a temporary file while it is read."""
    private = options.harvest.get("allow_private") == "yes"
    with httpx.Client(timeout=60, headers={"User-Agent": "Lianwen harvester"}) as client:
        fetcher = Fetcher(client=client, allow_private=private)
        if options.format == "oai":
            arguments = {name: value for name, value in options.harvest.items() if name in _OAI_ARGUMENTS}
            outcomes = oai_pmh.harvest(url.partition("?")[0], fetcher, arguments=arguments)
            yield from zip(itertools.repeat(url), outcomes, strict=False)
            return
        body = fetcher.get(url)
    with tempfile.TemporaryDirectory(prefix="lianwen-web-") as folder:
        path = Path(folder) / (PurePosixPath(urlsplit(url).path).name or "page.html")
        path.write_bytes(body)
        yield from _file(path, url, options)


_OAI_ARGUMENTS = frozenset({"metadataPrefix", "from", "until", "set"})


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


def _folder(root: Path, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    """The files of a folder and those below, in order of name. One that cannot be read costs only itself."""
    found = 0
    for folder, below, names in os.walk(root, followlinks=False):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder) / name
            if name.startswith(".") or path.is_symlink() or not path.is_file():
                continue
            found += 1
            yield from _guarded(path, path.relative_to(root).as_posix(), options)
    if not found:
        raise SourceError(f"文件夹是空的：{root}")


def _guarded(path: Path, name: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    try:
        yield from _file(path, name, options)
    except SourceError as error:
        yield name, Skipped(place="整个文件", reason=str(error))
    except OSError as error:
        yield name, Skipped(place="整个文件", reason=f"无法读取：{error.strerror}")


def _file(path: Path, name: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    format_ = options.format if options.format != "auto" else detect_format(path, options.kind)
    if format_ == "files" and path.suffix.lower() == ".zip":
        format_ = "zip"
    if format_ == "zip":
        yield from _zip(path, name, options)
        return
    yield from zip(itertools.repeat(name), _READERS[format_](path, name, options), strict=False)


def _zip(path: Path, name: str, options: ReadingOptions) -> Iterator[tuple[str, Outcome]]:
    with tempfile.TemporaryDirectory(prefix="lianwen-zip-") as folder:
        for member in unpack(path, into=Path(folder)):
            if not isinstance(member, Unpacked):
                yield name, member
            elif member.path.suffix == ".zip":
                yield name, Skipped(place=member.name, reason="压缩包里的压缩包不展开")
            else:
                yield from _guarded(member.path, member.name, options)


def detect_format(path: Path, kind: str | None = None) -> str:
    """What a file is, by its first bytes before its name."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    suffix = path.suffix.lower()
    if head.startswith(b"PK\x03\x04"):
        return {".xlsx": "xlsx", ".xlsm": "xlsx", ".docx": "files"}.get(suffix, "zip")
    if suffix == ".txt" and (told := _marc_in_text(head)):
        return told
    if head.startswith(b"%PDF") or suffix in documents.SUFFIXES:
        return "files"
    if marc.looks_like_xml(head):
        return "rss" if feeds.looks_like_feed(head) else "marcxml"
    if marc_lines.looks_like_lines(head):
        return "mrk"
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    if marc.looks_like_iso2709(head):
        return "marc"
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return "jsonl"
    raise SourceError(f"{path.name}: 无法判断文件格式，请用 --format 指明")


def _marc_in_text(head: bytes) -> str:
    """MARC that a system exported under the name of a text file; empty when it is a text."""
    if marc_lines.looks_like_lines(head):
        return "mrk"
    return "marc" if b"\x1e" in head and marc.looks_like_iso2709(head) else ""


_READERS: dict[str, Callable[[Path, str, ReadingOptions], Outcomes]]


def _jsonl(path: Path, name: str, options: ReadingOptions) -> Outcomes:
    with path.open("rb") as file:
        yield from jsonl.read_jsonl(file, kind=options.kind)


def _csv(path: Path, name: str, options: ReadingOptions) -> Outcomes:
    with path.open("rb") as file:
        yield from tables.read_csv(file, columns=options.columns, kind=options.kind)


_READERS = {
    "marc": lambda path, name, options: marc.read_iso2709(path, options.rules, options.unchanged),
    "marcxml": lambda path, name, options: marc.read_marcxml(path, options.rules),
    "mrk": lambda path, name, options: marc_lines.read_lines(path, options.rules),
    "oai": lambda path, name, options: marc.read_marcxml(path, options.rules),
    "sru": lambda path, name, options: marc.read_marcxml(path, options.rules),
    "csv": _csv,
    "xlsx": lambda path, name, options: tables.read_xlsx(path, columns=options.columns, kind=options.kind),
    "jsonl": _jsonl,
    "rss": lambda path, name, options: feeds.read_feed(path.read_bytes(), kind=options.kind),
    "files": lambda path, name, options: documents.read_document(
        path, source_id=name, kind=cast(Kind, options.kind or "document")
    ),
}
