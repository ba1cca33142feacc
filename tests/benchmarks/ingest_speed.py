"""How fast ISO 2709 is read, normalised and stored (no embedding), and how much memory that takes.

Records are made by repeating the records of a file with changed ids (field 001), ISBNs (020) and titles: so many, but
not so varied, as a real catalogue of that size. Each size runs in a process of its own, so that its peak memory is its
own. Run: ``python -m tests.benchmarks.ingest_speed FILE.mrc --records 25000 100000 250000``
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from backend import migrations
from backend.core.db import Database
from indexer.catalogue import Catalogue
from indexer.sources.iso2709 import RawRecord, raw_records
from indexer.sources.repair import layout
from tests.indexer.factories import load

Fields = list[tuple[bytes, bytes]]


def synthesise(source: Path, target: Path, count: int) -> None:
    """Write ``count`` records: those of ``source`` over and over, numbered."""
    with source.open("rb") as file:
        known = [layout(raw.content) for raw in raw_records(file) if isinstance(raw, RawRecord)]
    with target.open("wb") as out:
        for number, record in enumerate(islice(cycle(known), count)):
            fields = [(tag, _numbered(tag, body, number)) for tag, body in record.fields if tag != b"001"]
            out.write(_written(record.leader, [(b"001", b"S%09d" % number), *fields]))


def _numbered(tag: bytes, body: bytes, number: int) -> bytes:
    """A field with the record's number in it: another title, another ISBN."""
    if tag in (b"245", b"200") or (tag == b"880" and b"\x1f6245" in body):
        return body.replace(b"\x1fa", b"\x1fa%d " % number, 1)
    if tag == b"020" and b"\x1fa" in body:
        return b"  \x1fa" + _isbn(number)
    return body


def _isbn(number: int) -> bytes:
    digits = f"978{number:09d}"
    total = sum(int(digit) * (1, 3)[place % 2] for place, digit in enumerate(digits))
    return (digits + str(-total % 10)).encode()


def _written(leader: bytes, fields: Fields) -> bytes:
    directory, body = b"", b""
    for tag, content in fields:
        directory += tag + b"%04d%05d" % (len(content) + 1, len(body))
        body += content + b"\x1e"
    base = 24 + len(directory) + 1
    head = b"%05d" % (base + len(body) + 1) + leader[5:9] + b"a22" + b"%05d" % base + leader[17:20] + b"4500"
    return head + directory + b"\x1e" + body + b"\x1d"


def measure(source: Path, count: int) -> dict[str, float]:
    """Load, and load the same again."""
    with tempfile.TemporaryDirectory() as folder:
        synthetic = Path(folder) / "synthetic.mrc"
        synthesise(source, synthetic, count)
        database = Database(f"sqlite:///{folder}/catalogue.sqlite3")
        migrations.upgrade(database.engine)
        books = Catalogue(database.engine)
        figures: dict[str, float] = {"records": count, "bytes": synthetic.stat().st_size}
        for name in ("first", "again"):
            began, busy = time.monotonic(), time.process_time()
            report = load(books, synthetic, member="M")
            wall, cpu = time.monotonic() - began, time.process_time() - busy
            figures |= {f"{name}_seconds": round(wall, 1), f"{name}_records_per_cpu_second": round(report.read / cpu)}
            figures |= {f"{name}_added": report.added, f"{name}_unchanged": report.unchanged}
        figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--records", type=int, nargs="+", default=[25_000, 100_000, 250_000])
    chosen = parser.parse_args()
    if len(chosen.records) == 1:
        print(json.dumps(measure(chosen.file, chosen.records[0])))
        return
    for count in chosen.records:
        command = [sys.executable, "-m", "tests.benchmarks.ingest_speed", str(chosen.file), "--records", str(count)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
