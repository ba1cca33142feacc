"""Zip archives: only plain members inside, only as much as was promised, never a path outside."""

from __future__ import annotations

import gzip
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from indexer.sources.values import Skipped, SourceError

MOST_MEMBERS = 100_000
MOST_BYTES = 8 * 1024**3
LARGEST_MEMBER = 2 * 1024**3
WORST_RATIO = 200
"""Unpacked to packed size above which a member larger than 64 MB is taken for a bomb."""
_FREE = 64 * 1024 * 1024
_CHUNK = 1 << 20
_UNREADABLE = (
    zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Unpacked:
    """A member of an archive, written to ``path`` until the next one is asked for."""

    name: str
    path: Path


def unpack(archive: Path, *, into: Path) -> Iterator[Unpacked | Skipped]:
    """The members of ``archive`` one after the other, each deleted when the next is asked for.

    :raises SourceError: when it is no archive or has too many members.
    """
    try:
        opened = zipfile.ZipFile(archive)
    except _UNREADABLE as error:
        raise SourceError(f"{archive.name}: 不是可读的 ZIP（{error}）") from error
    total = 0
    with opened:
        if len(opened.infolist()) > MOST_MEMBERS:
            raise SourceError(f"{archive.name}: 成员超过 {MOST_MEMBERS} 个")
        for number, member in enumerate(opened.infolist(), start=1):
            name = _name(member)
            if member.is_dir() or _clutter(name):
                continue
            refused = _refusal(member, name) or ("解压总量超过上限" if total + member.file_size > MOST_BYTES else "")
            if refused:
                yield Skipped(place=name[:200], reason=refused, source_id=name[:500])
                continue
            target = into / f"{number}{PurePosixPath(name).suffix.lower()[:12]}"
            try:
                total += _copy(opened, member, target)
            except _UNREADABLE as error:
                target.unlink(missing_ok=True)
                yield Skipped(place=name[:200], reason=f"ZIP 成员无法解压：{error}", source_id=name[:500])
                continue
            try:
                yield Unpacked(name=name, path=target)
            finally:
                target.unlink(missing_ok=True)


def _name(member: zipfile.ZipInfo) -> str:
    """The member's name; Chinese Windows writes GBK, others UTF-8, without saying so, which zipfile reads as cp437."""
    if member.flag_bits & 0x800:
        return member.filename
    for codec in ("utf-8", "gb18030", "big5hkscs"):
        try:
            return member.filename.encode("cp437").decode(codec)
        except UnicodeError:
            continue
    return member.filename


def _clutter(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part not in (".", "..") for part in parts)


def _refusal(member: zipfile.ZipInfo, name: str) -> str:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":") or "\x00" in name:
        return "ZIP 成员的路径指向压缩包之外"
    if (member.external_attr >> 28) == 0o12:
        return "ZIP 成员是符号链接"
    if member.flag_bits & 0x1:
        return "ZIP 成员有密码"
    if member.file_size > LARGEST_MEMBER:
        return f"ZIP 成员超过 {LARGEST_MEMBER // 1024**3} GB"
    if member.file_size > _FREE and member.file_size > WORST_RATIO * max(1, member.compress_size):
        return "压缩比异常（疑似压缩炸弹）"
    return ""


def _copy(opened: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> int:
    """Write a member out, stopping where it says more than its directory entry promised."""
    if shutil.disk_usage(target.parent).free < member.file_size + _FREE:
        raise OSError("磁盘空间不足")
    written = 0
    with opened.open(member) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            written += len(chunk)
            if written > member.file_size:
                raise zipfile.BadZipFile("内容比目录所记的长")
            sink.write(chunk)
    return written


def gunzip(packed: Path, *, into: Path) -> Path:
    """Unpack a gzip file to ``into``.

    :raises SourceError: when it is damaged, or unpacks to more than is sane.
    """
    most = min(LARGEST_MEMBER, max(_FREE, WORST_RATIO * packed.stat().st_size))
    written = 0
    try:
        with gzip.open(packed) as source, into.open("wb") as sink:
            while chunk := source.read(_CHUNK):
                written += len(chunk)
                if written > most or shutil.disk_usage(into.parent).free < _FREE:
                    raise SourceError(f"{packed.name}: 解压后过大（疑似压缩炸弹），或磁盘空间不足")
                sink.write(chunk)
    except (gzip.BadGzipFile, EOFError, zlib.error, OSError) as error:
        raise SourceError(f"{packed.name}: GZIP 无法解压：{error}") from error
    return into


def guard_size(path: Path | BinaryIO, *, most: int = 512 * 1024 * 1024) -> None:
    """Refuse an office file (a zip inside) that would unpack to more than ``most`` bytes.

    :raises ValueError: with the reason.
    """
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
        if total > most or len(archive.infolist()) > 10_000:
            raise ValueError(f"解压后有 {total // 1024 // 1024} MB，疑似压缩炸弹")
