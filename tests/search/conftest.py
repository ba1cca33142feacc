"""A built index over a small library."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.search.engine import SearchEngine
from indexer.build import build
from indexer.records import Holding, IndexItem
from indexer.snapshot import SnapshotStore
from tests.search.library import FakeCatalogue, HashingEmbedder, item

PUBLIC = frozenset({"public"})


def shelf() -> list[IndexItem]:
    """Books, standards and policies of two members and one branch."""
    return [
        item(
            "b1",
            "活着",
            creators=("余华",),
            year=1993,
            isbn="9787506365437",
            clc="I247.57",
            work="w1",
            holdings=(
                Holding(member="city", call_number="I247.57/8042", status="available"),
                Holding(member="college", call_number="I247.57/Y80", status="on_loan"),
            ),
        ),
        item(
            "b2",
            "活着的历史",
            creators=("张三",),
            year=2001,
            clc="K207",
            holdings=(Holding(member="college", call_number="K207/12"),),
        ),
        item(
            "b3",
            "家",
            creators=("巴金",),
            year=1933,
            clc="I246.5",
            holdings=(Holding(member="city", status="on_loan"),),
        ),
        item("b4", "家庭園藝硏究", creators=("李四",), year=2010, clc="S68"),
        item(
            "b5",
            "地市级区域图书馆联盟建设研究",
            creators=("许军林",),
            year=2011,
            isbn="9787564311292",
            clc="G258.22",
            holdings=(Holding(member="city", call_number="G258.22/12"),),
        ),
        item("s1", "信息与文献 参考文献著录规则", kind="standard", collection="standards", standard="GB/T 7714-2015"),
        item(
            "p1",
            "开放时间",
            "本馆周一至周五 9:00 至 21:00 开放，周末 9:00 至 17:00 开放，国家法定节假日另行通知。",
            kind="policy",
            collection="policies",
        ),
        item(
            "p2",
            "办证须知",
            "读者凭身份证免费办理借书证，押金一百元，可以借阅图书五册，借期三十天。",
            kind="policy",
            collection="policies",
        ),
        item(
            "e1",
            "石墨烯散热膜技术要求",
            "石墨烯散热膜的导热系数不低于一千二百瓦每米开尔文。",
            kind="standard",
            collection="secret",
            audience="branch:ACME",
            standard="Q/ACME 001-2024",
        ),
    ]


@pytest.fixture
def catalogue() -> FakeCatalogue:
    return FakeCatalogue(shelf())


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path / "index")


@pytest.fixture
def engine(catalogue: FakeCatalogue, store: SnapshotStore) -> SearchEngine:
    embedder = HashingEmbedder()
    build(catalogue, store, embedder)
    return SearchEngine(store, catalogue, embedder)
