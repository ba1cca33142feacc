"""A filter takes part in the search: what it leaves is found as if nothing else were in the index."""

from __future__ import annotations

from pathlib import Path

from backend.search.engine import SearchEngine
from tests.benchmarks.filters import SHARES, lost, recombined
from tests.benchmarks.known_items import draw, misses
from tests.search.library import FakeCatalogue

TITLES = [
    f"{place}{thing}{kind}"
    for place in ("山东", "云南", "江南", "敦煌", "台湾", "上海")
    for thing in ("地方志", "民间文学", "水利", "茶叶贸易", "佛教艺术", "方言", "教育")
    for kind in ("研究", "史话", "资料汇编")
]


def test_no_engine_loses_hits_under_a_filter(tmp_path: Path) -> None:
    """BM25 weighs by the whole index, so the tenth hit may differ; the nearest by meaning are exact."""
    recall = lost(recombined(TITLES, 1_200, seed=3), TITLES[::9], tmp_path)
    assert set(recall["meaning"]) == set(SHARES)
    assert min(recall["meaning"].values()) >= 0.99
    assert min(recall["words"].values()) >= 0.9
    assert recall["together"]["half"] >= 0.9


def test_noisy_names_find_their_item_first(engine: SearchEngine, catalogue: FakeCatalogue) -> None:
    items = list(catalogue.get(["b1", "b2", "b3", "b4", "b5", "s1"]).values())
    missed = misses(engine, items, draw(items, 60, seed=4))
    assert missed == []
