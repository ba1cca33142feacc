"""The folder of delivered files: outside every web root, random names, written beside and switched.

An upload grows in ``incoming/`` up to its limit; what is made of it is flushed to disk and renamed into the folder just
before the transaction that tells of it. A crash between the two leaves a file that no row names:
:meth:`FileShelf.sweep` takes it away.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from backend.core.errors import NotFound, TooLarge
from backend.delivery import file_types, pressing
from backend.delivery.scanner import Scan

CHUNK = 256 * 1024
ORPHAN_AGE = 3600.0
"""Seconds after which a file that no row names was left by a crash, not by a transaction under way."""
GROWTH = 4
"""How many times larger than the largest upload a finished file may be (pictures decoded and encoded anew)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A file ready to be delivered. ``stored``: its name in the folder."""

    stored: str
    pages: int
    bytes: int
    sha256: str
    removed: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileShelf:
    """``max_bytes`` of an upload, ``max_pages`` of a file."""

    directory: Path
    max_bytes: int = 64 * 1024 * 1024
    max_pages: int = 500
    scan: Scan | None = None

    @contextmanager
    def incoming(self) -> Iterator[Path]:
        """A place for an upload to grow; gone when the block ends."""
        folder = self.directory / "incoming"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / secrets.token_hex(16)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    async def receive(self, chunks: AsyncIterator[bytes], path: Path) -> None:
        """Write a stream to ``path``.

        :raises TooLarge: as soon as it grows over the limit.
        """
        read = 0
        with path.open("xb") as file:
            async for chunk in chunks:
                read = self._grown(read, chunk)
                file.write(chunk)

    def copy(self, source: BinaryIO, path: Path) -> None:
        """Write an open file to ``path``. :raises TooLarge: as soon as it grows over the limit."""
        read = 0
        with path.open("xb") as file:
            while chunk := source.read(CHUNK):
                read = self._grown(read, chunk)
                file.write(chunk)

    def _grown(self, read: int, chunk: bytes) -> int:
        if read + len(chunk) > self.max_bytes:
            limit = self.max_bytes // (1024 * 1024)
            raise TooLarge(
                f"文件超过 {limit} MB 的上限，请压缩或分次传递。", detail={"where": "file", "limit": self.max_bytes}
            )
        return read + len(chunk)

    def finish(self, upload: Path, *, line: str, mark: str, title: str) -> Finished:
        """Check what the upload is, make the reader's file of it and put that on the shelf.

        :raises InputError: with the reason, when it cannot be delivered.
        """
        with upload.open("rb") as file:
            kind = file_types.kind_of(file.read(file_types.HEAD))
        if self.scan is not None:
            self.scan(upload)
        made = upload.with_suffix(".pdf")
        try:
            pressed = pressing.press(
                upload, made, kind, line=line, mark=mark, title=title,
                max_pages=self.max_pages, max_bytes=GROWTH * self.max_bytes,
            )  # fmt: skip
            digest, size = _settled(made)
            stored = f"{secrets.token_hex(24)}.pdf"
            made.rename(self.directory / stored)
            _flush_folder(self.directory)
        finally:
            made.unlink(missing_ok=True)
        return Finished(stored=stored, pages=pressed.pages, bytes=size, sha256=digest, removed=pressed.removed)

    def open(self, stored: str) -> Path:
        """Where that file lies. :raises NotFound: when it is gone."""
        path = self.directory / Path(stored).name
        if not path.is_file():
            raise NotFound("文件已不存在。")
        return path

    def remove(self, stored: str) -> None:
        """Take the file off the disk; one that is gone already is no error."""
        (self.directory / Path(stored).name).unlink(missing_ok=True)

    def sweep(self, kept: Collection[str], *, age: float = ORPHAN_AGE) -> list[str]:
        """Take away what no row names and what crashed uploads left, unless it is younger than ``age`` seconds."""
        removed = []
        for folder in (self.directory, self.directory / "incoming"):
            for path in sorted(folder.glob("*")) if folder.is_dir() else ():
                if path.is_file() and path.name not in kept and time.time() - path.stat().st_mtime >= age:
                    path.unlink(missing_ok=True)
                    removed.append(path.name)
        return removed


def _settled(path: Path) -> tuple[str, int]:
    """Flush to disk; digest and size."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    path.chmod(0o600)
    return digest, path.stat().st_size


def _flush_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
