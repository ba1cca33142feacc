"""A small frozen set with the packaged model: figures may rise, not fall. CI fails on a drop.

The passages and questions were written for this project (well-known facts in our own words, two made-up notices); a
third of the questions have no answer in them, some about things that no passage mentions, some about a thing that one
mentions.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backend.cli.main import app

GOLDEN = Path(__file__).parents[1] / "golden" / "answers"


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    home = {"LIANWEN_DATA_DIR": str(tmp_path_factory.mktemp("golden"))}
    told = {}
    for what in ("answers", "refusal"):
        result = CliRunner().invoke(
            app,
            [
                "eval", what, "--passages", str(GOLDEN / "passages.jsonl"),
                "--questions", str(GOLDEN / "questions.jsonl"), "--json",
            ],
            env=home,
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        told[what] = json.loads(result.stdout)
    return told


def test_the_first_sentences_hold_the_answer(figures: dict[str, dict[str, Any]]) -> None:
    answers = figures["answers"]
    assert answers["gold_in_first"] >= 0.85
    assert answers["gold_in_first_two"] >= 0.9


def test_every_quotation_is_exact(figures: dict[str, dict[str, Any]]) -> None:
    assert figures["answers"]["citations_exact"] == figures["answers"]["citations"] > 40


def test_what_is_not_there_is_refused_and_what_is_there_is_not(figures: dict[str, dict[str, Any]]) -> None:
    refusal = figures["refusal"]
    assert refusal["auc"] >= 0.93
    assert refusal["refused_wrongly"] <= 0.1
    assert refusal["by_kind"]["absent"]["refused_rightly"] >= 0.9


def test_false_claims_are_caught_and_true_ones_pass(figures: dict[str, dict[str, Any]]) -> None:
    verification = figures["answers"]["verification"]
    assert verification["precision"] >= 0.98
    assert verification["caught"] >= 0.95
    assert verification["true_passed"] >= 0.85
