"""MARC records, catalogues and loads as the tests need them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pymarc
from sqlalchemy import create_engine

from indexer.catalogue import Catalogue, metadata
from indexer.ingest import IngestOptions, IngestReport, ingest

Parts = Sequence[tuple[str, str]]


def catalogue(folder: Path) -> Catalogue:
    """An empty catalogue in ``folder``."""
    engine = create_engine(f"sqlite:///{folder}/catalogue.db")
    metadata.create_all(engine)
    return Catalogue(engine)


def load(into: Catalogue, *inputs: Path, collection: str = "books", **options: Any) -> IngestReport:
    """Load files into a collection."""
    return ingest(into, [str(path) for path in inputs], IngestOptions(collection=collection, **options))


def marc(*fields: tuple[str, str | Parts], leader: str = "00000nam a2200000 i 4500") -> pymarc.Record:
    """A record of (tag, control data) and (tag, subfields) pairs."""
    record = pymarc.Record()
    record.leader = pymarc.Leader(leader)
    for tag, content in fields:
        if isinstance(content, str):
            record.add_field(pymarc.Field(tag=tag, data=content))
        else:
            subfields = [pymarc.Subfield(code, value) for code, value in content]
            record.add_field(pymarc.Field(tag=tag, indicators=pymarc.Indicators(" ", " "), subfields=subfields))
    return record


def cnmarc_book(
    source_id: str,
    title: str,
    *,
    by: str = "许军林",
    publisher: str = "西南交通大学出版社",
    year: str = "2011",
    isbn: str = "978-7-5643-1129-2",
    held: Sequence[Parts] = (),
    more: Sequence[tuple[str, str | Parts]] = (),
) -> pymarc.Record:
    """A CNMARC book."""
    return marc(
        ("001", source_id),
        ("010", [("a", isbn), ("d", "CNY25.00")]),
        ("100", [("a", f"20110601d{year}    em y0chiy0110    ea")]),
        ("200", [("a", title), ("f", f"{by}编著")]),
        ("210", [("a", "成都"), ("c", publisher), ("d", f"{year}.6")]),
        ("690", [("a", "G258.22"), ("v", "5")]),
        ("701", [("a", by), ("4", "编著")]),
        *more,
        *(("905", parts) for parts in held),
    )


def iso2709(path: Path, *records: pymarc.Record, encoding: str = "utf-8") -> Path:
    """Write records; another encoding than UTF-8 is written as Chinese systems do, byte for byte."""
    path.write_bytes(b"".join(as_bytes(record, encoding) for record in records))
    return path


def as_bytes(record: pymarc.Record, encoding: str = "utf-8") -> bytes:
    """One record in ISO 2709, directory and all, in any byte encoding."""
    directory, fields = "", b""
    for field in record.fields:
        if field.is_control_field():
            body = (field.data or "").encode(encoding)
        else:
            body = "".join(field.indicators).encode() + b"".join(
                b"\x1f" + subfield.code.encode() + subfield.value.encode(encoding) for subfield in field.subfields
            )
        body += b"\x1e"
        directory += f"{field.tag}{len(body):04d}{min(len(fields), 99_999):05d}"
        fields += body
    base = 24 + len(directory) + 1
    leader = str(record.leader)
    size, mark = min(base + len(fields) + 1, 99_999), "a" if encoding == "utf-8" else " "
    head = f"{size:05d}{leader[5:9]}{mark}22{base:05d}{leader[17:24]}"
    return head.encode() + directory.encode() + b"\x1e" + fields + b"\x1d"


def jsonl(path: Path, *lines: object) -> Path:
    """Write objects, and strings as they are, one a line."""
    path.write_text(
        "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines),
        encoding="utf-8",
    )
    return path


def as_xml(record: pymarc.Record) -> bytes:
    """One record as a MARCXML collection."""
    parts = [f"<leader>{record.leader}</leader>"]
    for field in record.fields:
        if field.is_control_field():
            parts.append(f'<controlfield tag="{field.tag}">{escape(field.data or "")}</controlfield>')
            continue
        inner = "".join(f'<subfield code="{one.code}">{escape(one.value)}</subfield>' for one in field.subfields)
        first, second = field.indicators
        parts.append(f'<datafield tag="{field.tag}" ind1="{first}" ind2="{second}">{inner}</datafield>')
    body = "".join(parts)
    return f'<collection xmlns="http://www.loc.gov/MARC21/slim"><record>{body}</record></collection>'.encode()
