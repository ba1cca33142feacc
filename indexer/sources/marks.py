"""Marks of what was read: the same bytes, read by the same code under the same options, have the same mark."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from indexer.sources.options import ReadingOptions
from indexer.sources.pdf import ocr_installed

_HERE = Path(__file__).parent
_DOCUMENT_CODE = (
    "documents.py", "outline.py", "pdf.py", "pdf_layout.py", "pdf_worker.py", "word.py", "numbering.py", "web_page.py",
    "encoding.py", "standards.py", "../normalise.py",
)  # fmt: skip


def digest_of_file(path: Path) -> bytes:
    """A digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).digest()


def document_mark(path: Path, options: ReadingOptions) -> str:
    """The mark of one document file."""
    told = f"{_document_code()}\0{ocr_installed()}\0{options.kind}\0{options.salt}".encode()
    return hashlib.blake2b(digest_of_file(path) + told, digest_size=20).hexdigest()


@cache
def _document_code() -> str:
    return _code(_HERE / name for name in _DOCUMENT_CODE)


@cache
def indexer_code() -> str:
    """A mark of all code that reads, normalises and stores."""
    return _code(sorted(_HERE.parent.rglob("*.py")))


def _code(files: Iterable[Path]) -> str:
    whole = hashlib.blake2b(digest_size=20)
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()
