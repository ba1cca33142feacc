"""Which reader a file wants: by its first bytes, then by its name. Folders and zip archives are opened."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.records import Kind
from indexer.sources import documents, feeds, marc, tables
from indexer.sources.values import Outcomes, Skipped, SourceError

MAX_ARCHIVE_FILES = 20_000
MAX_ARCHIVE_BYTES = 4 * 1024**3
MAX_RATIO = 200

_MARC_SUFFIXES = {".mrc", ".marc", ".iso", ".iso2709", ".dat"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file to read: where it lies, the name by which it is known, its format."""

    path: Path
    name: str
    format: str


def detect(path: Path, *, name: str) -> Found:
    """The format of one file: marc, marcxml, jsonl, csv, xlsx, rss or files.

    :raises SourceError: when nothing reads it.
    """
    suffix = PurePosixPath(name.lower()).suffix
    with path.open("rb") as file:
        head = file.read(64 * 1024)
    if suffix in (".jsonl", ".ndjson"):
        return Found(path=path, name=name, format="jsonl")
    if suffix in (".csv", ".tsv"):
        return Found(path=path, name=name, format="csv")
    if suffix == ".xlsx":
        return Found(path=path, name=name, format="xlsx")
    if suffix in documents.SUFFIXES:
        return Found(path=path, name=name, format="files")
    if marc.looks_like_xml(head) or suffix in (".xml", ".rss", ".atom"):
        is_feed = b"<rss" in head[:4096] or b"http://www.w3.org/2005/Atom" in head[:4096] or suffix in (".rss", ".atom")
        return Found(path=path, name=name, format="rss" if is_feed else "marcxml")
    if suffix in _MARC_SUFFIXES or marc.looks_like_iso2709(head):
        return Found(path=path, name=name, format="marc")
    if head.lstrip().startswith(b"{"):
        return Found(path=path, name=name, format="jsonl")
    raise SourceError(f"{name}: 无法识别的格式（可用 --format 指定）")


def read(found: Found, *, kind: Kind) -> Outcomes:
    """What a file yields."""
    readers = {
        "marc": lambda: marc.read_iso2709(found.path),
        "marcxml": lambda: marc.read_marcxml(found.path),
        "jsonl": lambda: tables.read_jsonl(found.path, kind=kind),
        "csv": lambda: tables.read_csv(found.path, kind=kind),
        "xlsx": lambda: tables.read_xlsx(found.path, kind=kind),
        "rss": lambda: feeds.read_feed(found.path, kind=kind),
        "files": lambda: documents.read_document(found.path, source_id=found.name, kind=kind),
    }
    if found.format not in readers:
        raise SourceError(f"{found.name}: --format {found.format} 不能读取文件")
    return readers[found.format]()


def default_kind(format_: str) -> Kind:
    """What a file of this format holds when nobody says."""
    kinds: dict[str, Kind] = {"marc": "catalogue", "marcxml": "catalogue", "rss": "news"}
    return kinds.get(format_, "document")


@contextmanager
def files_of(input_: str, *, format_: str) -> Iterator[list[Found | Skipped]]:
    """Every file that an input names: itself, a folder's, or a zip archive's (unpacked for as long as the block lasts).

    :raises SourceError: when there is no such file.
    """
    path = Path(input_)
    if not path.exists():
        raise SourceError(f"{input_}: 没有这个文件或文件夹")
    if path.is_dir():
        inside = (p for p in sorted(path.rglob("*")) if p.is_file() and not p.name.startswith("."))
        yield [_recognise(p, str(p.relative_to(path)), format_) for p in inside]
    elif zipfile.is_zipfile(path) and path.suffix.lower() not in (".docx", ".xlsx"):
        with tempfile.TemporaryDirectory(prefix="lianwen-zip-") as directory:
            yield _unpack(path, Path(directory), format_)
    else:
        yield [Found(path=path, name=path.name, format=format_) if format_ != "auto" else detect(path, name=path.name)]


def _recognise(path: Path, name: str, format_: str) -> Found | Skipped:
    if format_ != "auto":
        return Found(path=path, name=name, format=format_)
    try:
        return detect(path, name=name)
    except SourceError as error:
        return Skipped(place=name, reason=str(error))


def _unpack(archive: Path, directory: Path, format_: str) -> list[Found | Skipped]:
    """The archive's files, without those that would escape, explode or are encrypted."""
    found: list[Found | Skipped] = []
    try:
        opened = zipfile.ZipFile(archive)
    except (zipfile.BadZipFile, OSError) as error:
        raise SourceError(f"{archive.name}: 不是可读的 zip：{error}") from error
    total = 0
    with opened:
        for number, entry in enumerate(opened.infolist()):
            if entry.is_dir() or PurePosixPath(entry.filename).name.startswith("."):
                continue
            reason = _refusal(entry, number, total)
            if reason:
                found.append(Skipped(place=entry.filename, reason=reason))
                continue
            total += entry.file_size
            target = directory / f"{number}{PurePosixPath(entry.filename).suffix}"
            try:
                with opened.open(entry) as packed, target.open("wb") as file:
                    shutil.copyfileobj(packed, file, 1 << 20)
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
                found.append(Skipped(place=entry.filename, reason=f"无法解压：{error}"))
                continue
            found.append(_recognise(target, entry.filename, format_))
    return found


def _refusal(entry: zipfile.ZipInfo, number: int, total: int) -> str:
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    if entry.filename.startswith(("/", "\\")) or ".." in parts or ":" in entry.filename[:3]:
        return "路径指向压缩包之外"
    if entry.flag_bits & 1:
        return "有密码保护"
    if number >= MAX_ARCHIVE_FILES or total + entry.file_size > MAX_ARCHIVE_BYTES:
        return "压缩包过大"
    if entry.file_size > 10 * 1024**2 and entry.file_size > MAX_RATIO * max(entry.compress_size, 1):
        return "压缩比异常"
    return ""
