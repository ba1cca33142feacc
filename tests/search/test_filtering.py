"""A filter takes part in the search: what it leaves is found as if nothing else were in the index."""

from __future__ import annotations

import random
from pathlib import Path

from backend.search.engine import SearchEngine
from tests.benchmarks.filters import recall
from tests.benchmarks.known_items import draw, misses
from tests.search.library import FakeCatalogue, HashingEmbedder, item

TITLES = [
    f"{place}{thing}{kind}"
    for place in ("山东", "云南", "江南", "敦煌", "台湾", "上海")
    for thing in ("地方志", "民间文学", "水利", "茶叶贸易", "佛教艺术", "方言", "教育")
    for kind in ("研究", "史话", "资料汇编")
]


def test_no_engine_loses_hits_under_a_filter(tmp_path: Path) -> None:
    """Of the texts that hold a title, as many are among the first ten as where nothing else is in the index."""
    chance = random.Random(3)
    texts = {f"i{number:04}": chance.sample(TITLES, 3) for number in range(1_200)}
    items = [item(key, "。".join(of)[:40], "。".join(of), kind="document") for key, of in texts.items()]
    asked = {title: frozenset(key for key, of in texts.items() if title in of) for title in TITLES[::9]}
    found = recall(items, asked, tmp_path, HashingEmbedder(64), draws=2)
    for engine in ("words", "together"):
        assert set(found[engine]) >= {"half", "tenth", "hundredth"}
        for figures in found[engine].values():
            assert figures["filtered"] >= figures["alone"] - 0.01
    for figures in found["meaning"].values():
        assert figures["filtered"] == figures["alone"]


def test_noisy_names_find_their_item_first(engine: SearchEngine, catalogue: FakeCatalogue) -> None:
    items = list(catalogue.get(["b1", "b2", "b3", "b4", "b5", "s1"]).values())
    missed = misses(engine, items, draw(items, 60, seed=4))
    assert missed == []
