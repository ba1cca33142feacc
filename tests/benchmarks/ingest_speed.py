"""How fast ISO 2709 is read, normalised and stored (no embedding), and how much memory that takes.

Records are made by repeating the records of a file with changed ids (field 001) and titles: so many, but not so varied,
as a real catalogue of that size. Run: ``python -m tests.benchmarks.ingest_speed FILE.mrc --records 250000``
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from indexer.sources.iso2709 import RawRecord, raw_records
from indexer.sources.repair import Layout, layout, rebuilt
from tests.indexer.factories import catalogue, load


def synthesise(source: Path, target: Path, count: int) -> None:
    """Write ``count`` records: those of ``source`` over and over, numbered."""
    with source.open("rb") as file:
        known = [layout(raw.content) for raw in raw_records(file) if isinstance(raw, RawRecord)]
    with target.open("wb") as out:
        for number, record in enumerate(islice(cycle(known), count)):
            fields = [
                (tag, b"S%09d" % number if tag == b"001" else b"%s (%d)" % (field, number) if tag == b"245" else field)
                for tag, field in record.fields
            ]
            if not any(tag == b"001" for tag, _ in fields):
                fields.insert(0, (b"001", b"S%09d" % number))
            out.write(rebuilt(Layout(leader=record.leader, fields=tuple(fields), sound=True), "utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--records", type=int, default=250_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        synthetic = Path(folder) / "synthetic.mrc"
        synthesise(chosen.file, synthetic, chosen.records)
        books = catalogue(Path(folder))
        figures = {"records": chosen.records, "bytes": synthetic.stat().st_size}
        for name in ("first", "again"):
            began, busy = time.monotonic(), time.process_time()
            report = load(books, synthetic, member="M")
            wall, cpu = time.monotonic() - began, time.process_time() - busy
            figures |= {f"{name}_seconds": round(wall, 1), f"{name}_records_per_cpu_second": round(report.read / cpu)}
            figures |= {f"{name}_added": report.added, f"{name}_unchanged": report.unchanged}
        figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
