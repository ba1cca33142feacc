"""What a question asks: its parts, and the library that it names."""

from __future__ import annotations

import pytest

from backend.answer.libraries import Named, named
from backend.answer.parts import split_parts

NAMES = {
    "city": "示例市图书馆", "norm": "示例师范学院图书馆", "voc": "示例职业技术学院图书馆", "qx": "示例市青溪县图书馆",
    "demo": "示例市图书馆",
}  # fmt: skip


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("图书馆几点开门？周末开放吗？", ["图书馆几点开门？", "周末开放吗？"]),
        ("怎么办借书证，需要多少钱", ["怎么办借书证", "办借书证需要多少钱"]),
        ("怎么续借，还有逾期怎么罚款", ["怎么续借", "逾期怎么罚款"]),
        ("本科生和研究生分别能借几本书", ["本科生能借几本书", "研究生能借几本书"]),
        (
            "市图书馆和师范学院图书馆的开放时间分别是什么",
            ["市图书馆的开放时间是什么", "师范学院图书馆的开放时间是什么"],
        ),
        ("市图书馆和师范学院图书馆几点关门", ["市图书馆几点关门", "师范学院图书馆几点关门"]),
        ("When do you open? How do I get a card?", ["When do you open?", "How do I get a card?"]),
        ("馆际互借和文献传递有什么区别", ["馆际互借和文献传递有什么区别"]),
        ("在示例市图书馆，怎么办借书证", ["在示例市图书馆，怎么办借书证"]),
        ("1990年，范廷颂担任什么职务？", ["1990年，范廷颂担任什么职务？"]),
        ("有没有关于历史和地理的书", ["有没有关于历史和地理的书"]),
        ("你好！请问几点开门？", ["你好！请问几点开门？"]),
    ],
)
def test_a_question_is_cut_into_what_it_asks(question: str, parts: list[str]) -> None:
    assert split_parts(question) == parts


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("师范学院图书馆几点关门", Named(members=("norm",))),
        ("示例师范学院图书馆几点关门", Named(members=("norm",))),
        ("师范学院能借几本书", Named(members=("norm",))),
        ("市图书馆几点开门", Named(members=("city",))),
        ("青溪县图书馆可以停车吗", Named(members=("qx",))),
        ("青溪馆几点关门", Named(members=("qx",))),
        ("示例市青溪县图书馆几点关门", Named(members=("qx",))),
        ("省图书馆几点开门", Named(other="省图书馆")),
        ("国家图书馆怎么办证", Named(other="国家图书馆")),
        ("图书馆几点开门", Named()),
        ("你们图书馆几点开门", Named()),
        ("请问图书馆可以带宠物吗", Named()),
        ("周末图书馆几点开门", Named()),
        ("10月1日图书馆开门吗", Named()),
        ("小孩图书馆能借几本书", Named()),
        ("周末上海图书馆开门吗", Named(other="上海图书馆")),
        ("图书馆学有什么教材", Named()),
        ("城市规划的书有哪些", Named()),
    ],
)
def test_a_named_library_is_known_by_its_usual_names(question: str, found: Named) -> None:
    got = named(question, NAMES)
    assert (tuple("city" if code == "demo" else code for code in got.members), got.other) == (
        found.members,
        found.other,
    )
