"""What a question asks for, and what a text says of it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.typing import NDArray

from backend.answer import vocabulary
from backend.answer.asking import Asking, asking
from backend.answer.background import Vectors
from backend.answer.citing import locator
from backend.search.query import folded, parse
from indexer.tokens import Tokeniser


def ask(question: str) -> Asking:
    return asking(parse(question), Tokeniser())


@pytest.mark.parametrize(
    ("question", "text", "counts"),
    [
        ("可以借多久", "借期30天", True),
        ("可以借多久", "最多借10册", False),
        ("复印一页多少钱", "每页0.2元", True),
        ("复印一页多少钱", "每页两面", False),
        ("有多少人参加", "约三百人参加", True),
        ("有多少人参加", "共三百页", False),
        ("图书馆几点关门", "9:00—21:00开放", True),
    ],
)
def test_a_number_answers_only_in_the_unit_asked_for(question: str, text: str, counts: bool) -> None:
    assert ask(question).counts(folded(text)) is counts


@pytest.mark.parametrize(
    ("question", "text", "same"),
    [
        ("2015年的冠军是谁", "2015年的冠军是甲队", True),
        ("2018年的冠军是谁", "2015年的冠军是甲队", False),
        ("地铁二号线有几座车站", "地铁2号线设车站十座", True),
        ("地铁二号线有几座车站", "地铁一号线设车站二十二座", False),
        ("哪一年建成", "建成于1958年", True),
    ],
)
def test_numbers_that_say_which_one_is_meant_must_stand_in_the_text(question: str, text: str, same: bool) -> None:
    assert ask(question).same_numbers(folded(text)) is same


def test_the_rules_words_for_a_readers_words_count_as_said() -> None:
    assert ask("借书证丢失").covered("读者证遗失后请挂失") > 0.4
    assert ask("借书证丢失").covered("馆内禁止饮食") == 0.0
    assert "开放时间" in vocabulary.formal("图书馆几点关门")
    assert vocabulary.formal("谁写了这本书") == "谁写了这本书"


def test_rare_words_weigh_more_than_common_ones() -> None:
    rarity = dict(ask("范廷颂是哪里人").words)
    assert ask("范廷颂是哪里人").covered("范廷颂") > 0.5
    assert max(rarity.values()) == max(value for word, value in rarity.items() if word in "范廷颂")


def test_texts_seen_before_are_not_embedded_again() -> None:
    class Model:
        asked: list[str]

        def __init__(self) -> None:
            self.asked = []

        def embed_queries(self, texts: list[str]) -> NDArray[np.float32]:
            raise AssertionError

        def embed_passages(self, texts: list[str]) -> NDArray[np.float32]:
            self.asked += texts
            return np.array([[float(len(text))] for text in texts], dtype=np.float32)

    model = Model()
    vectors = Vectors(model, kept=2)  # type: ignore[arg-type]
    assert vectors.of(["甲", "乙乙", "甲"]).tolist() == [[1.0], [2.0], [1.0]]
    vectors.of(["甲"])
    assert model.asked == ["甲", "乙乙"]
    vectors.of(["丙", "丁"])
    vectors.of(["甲"])
    assert model.asked == ["甲", "乙乙", "丙", "丁", "甲"]


def test_a_locator_says_page_clause_and_headings() -> None:
    item = SimpleNamespace(title="规程")
    passage = SimpleNamespace(page=12, clause="4.3", context="规程 总则 > 范围")
    assert locator(item, passage) == "第 12 页，4.3 条，总则 > 范围"
    assert locator(item, SimpleNamespace(page=None, clause="", context="规程")) is None
