"""An index over a small consortium's shelf, rules and standards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.answer.answerer import Answerer
from backend.search.engine import SearchEngine
from indexer.build import build
from indexer.records import Holding, IndexItem
from indexer.snapshot import SnapshotStore
from tests.search.library import FakeCatalogue, HashingEmbedder, item

PUBLIC = frozenset({"public"})
NAMES = {"city": "示例市图书馆", "college": "示例师范学院图书馆", "county": "示例县图书馆"}


def owned(entry: IndexItem, **metadata: Any) -> IndexItem:
    return IndexItem(item=replace(entry.item, metadata=metadata), passages=entry.passages)


def book(item_id: str, title: str, creator: str, publisher: str, year: int, *holdings: Holding) -> IndexItem:
    text = f"题名：{title}。责任者：{creator}。出版：{publisher}，{year}。"
    entry = item(item_id, title, text, creators=(creator,), year=year, holdings=holdings)
    return IndexItem(item=replace(entry.item, publisher=publisher), passages=entry.passages)


def shelf() -> list[IndexItem]:
    return [
        book(
            "b1", "活着", "余华", "作家出版社", 1993,
            Holding(member="city", call_number="I247.57/8042", status="available"),
            Holding(member="college", call_number="I247.57/Y80", status="on_loan"),
        ),
        book("b2", "兄弟", "余华", "上海文艺出版社", 2005, Holding(member="college", call_number="I247.57/Y81")),
        book("b3", "许三观卖血记", "余华", "南海出版公司", 1998, Holding(member="county", call_number="I247.5/12")),
        book("b4", "家庭园艺", "李四", "农业出版社", 2010, Holding(member="city", call_number="S68/3")),
        owned(item("p1", "开放时间", "示例市图书馆周一至周五9:00至21:00开放。周六和周日9:00至17:00开放。", kind="policy", collection="policies"), member="city"),  # noqa: E501
        owned(item("p2", "开放时间", "示例师范学院图书馆周一至周五8:00至22:00开放。周六和周日不开放。", kind="policy", collection="policies"), member="college"),  # noqa: E501
        owned(item("p3", "借书证办理", "办理借书证的步骤如下：\n1. 携带本人身份证到总服务台。\n2. 填写读者登记表。\n3. 交纳押金一百元后领取借书证。", kind="policy", collection="policies"), member="city"),  # noqa: E501
        owned(item("p4", "逾期规定", "图书逾期每册每天收取滞纳金0.1元。", kind="faq", collection="faq"), member="city"),
        item("s1", "信息与文献 参考文献著录规则", "标准号：GB/T 7714-2015。名称：信息与文献 参考文献著录规则。状态：现行。代替：GB/T 7714-2005。", kind="standard", collection="standards", standard="GB/T 7714-2015"),  # noqa: E501
        item("n1", "水库建设", "青山水库建成于1958年。水库的设计者是王大明。水库总库容为三千万立方米，位于青山县北部。", kind="document", collection="docs"),  # noqa: E501
        item("e1", "石墨烯散热膜技术要求", "石墨烯散热膜的导热系数不低于一千二百瓦每米开尔文。", kind="standard", collection="secret", audience="branch:ACME", standard="Q/ACME 001-2024"),  # noqa: E501
    ]  # fmt: skip


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> SearchEngine:
    catalogue, embedder = FakeCatalogue(shelf()), HashingEmbedder()
    store = SnapshotStore(Path(tmp_path_factory.mktemp("answers")) / "index")
    build(catalogue, store, embedder)
    return SearchEngine(store, catalogue, embedder)


@pytest.fixture
def answerer(engine: SearchEngine) -> Answerer:
    return Answerer(engine, names=lambda code: NAMES.get(code, ""), members=lambda: NAMES, this_year=lambda: 2026)
