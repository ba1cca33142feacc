"""The figures that ``lianwen eval answers|refusal`` prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from backend.answer.answerer import Answerer
from backend.answer.evaluation import Asked, auc, evaluate_answers, evaluate_refusal, read_asked, right_at
from backend.core.errors import InputError
from tests.answer.conftest import PUBLIC

ASKED = [
    Asked(id="1", text="青山水库什么时候建成", answers=("1958年",)),
    Asked(id="2", text="青山水库是谁设计的", answers=("王大明",)),
    Asked(id="3", text="火星上的第一座城市叫什么", answers=("甲",), answerable=False),
]


def test_answers_are_counted_where_the_gold_stands(answerer: Answerer) -> None:
    figures = evaluate_answers(answerer, ASKED, PUBLIC)
    assert figures["questions"] == 2
    assert figures["gold_in_first"] == 1.0
    assert figures["gold_in_first_two"] == 1.0
    assert figures["citations"] == figures["citations_exact"] > 0


def test_refusals_are_counted_on_both_sides(answerer: Answerer) -> None:
    figures = evaluate_refusal(answerer, ASKED, PUBLIC)
    assert figures["auc"] == 1.0
    assert figures["refused_rightly"] == 1.0
    assert figures["refused_wrongly"] == 0.0


def test_auc_and_the_curve_on_known_numbers() -> None:
    assert auc([3, 2], [1, 2]) == 0.875
    assert right_at([1, 2, 3, 4], [0, 1.5, 5], 0.25) == pytest.approx(2 / 3)


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "q.jsonl"
    path.write_text(json.dumps({"id": "1", "question": "甲"}) + "\n{\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        read_asked(path)
