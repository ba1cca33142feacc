"""Evaluation: what is read, how a search is scored, and when two runs differ."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.errors import InputError
from backend.search.evaluation import (
    Passage,
    Question,
    Report,
    compare,
    evaluate_retrieval,
    load_report,
    read_passages,
    read_questions,
    save_report,
)
from backend.search.evaluation.compare import paired_p

PASSAGES = [Passage(id=name, title="", text=f"第{name}条") for name in "abcdefghijklm"]


def ask(answers: dict[str, str], *, relevant: dict[str, str] | None = None) -> Report:
    """A report of a search that answers each question with the letters given."""
    questions = [Question(id=key, text=f"问题{key}", relevant=tuple((relevant or {}).get(key, "a"))) for key in answers]
    by_text = {f"问题{key}": list(found) for key, found in answers.items()}
    return evaluate_retrieval(lambda text: by_text[text], PASSAGES, questions)


def test_each_measure_follows_its_definition() -> None:
    report = ask({"1": "abc", "2": "bca", "3": "bcdefgha", "4": "bc"})
    means = report.means
    assert means["hit@1"] == means["R@1"] == 0.25
    assert means["hit@5"] == 0.5
    assert means["hit@10"] == 0.75
    assert means["MRR@10"] == pytest.approx((1 + 1 / 3 + 1 / 8) / 4, abs=1e-5)
    assert means["nDCG@10"] == pytest.approx((1 + 1 / 2 + 1 / math.log2(9)) / 4, abs=1e-5)


def test_of_several_relevant_passages_one_is_a_hit_and_recall_counts_all() -> None:
    report = ask({"1": "acd"}, relevant={"1": "ab"})
    assert report.means["hit@1"] == 1
    assert report.means["R@1"] == report.means["R@10"] == 0.5


def test_a_passage_returned_twice_counts_once_and_what_stands_past_ten_does_not_count() -> None:
    report = ask({"1": "bbbbbbbbbba", "2": "bcdefghijkla"})
    assert [one.place for one in report.answered] == [2, None]
    assert report.means["hit@10"] == 0.5


def test_nothing_found_at_all_scores_nothing() -> None:
    assert set(ask({"1": "", "2": ""}).means.values()) == {0.0}


def test_the_order_of_the_search_counts_even_against_the_order_of_ids() -> None:
    assert ask({"1": "mla"}).answered[0].scores["MRR@10"] == pytest.approx(1 / 3, abs=1e-5)


def test_a_question_about_a_passage_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match="'9'"):
        ask({"1": "a"}, relevant={"1": "9"})


def test_a_report_is_the_same_every_time_and_survives_the_disk(tmp_path: Path) -> None:
    first, second = ask({"1": "ab", "2": "b"}), ask({"2": "b", "1": "ab"})
    assert first.to_json() == second.to_json()
    save_report(first, tmp_path / "run.json")
    assert load_report(tmp_path / "run.json") == first


def test_a_report_reads_as_figures_and_its_worst_questions() -> None:
    lines = ask({"1": "ab", "2": "ba", "3": "b"}).lines(worst=2)
    assert lines[0] == "3 questions, 13 passages"
    assert "hit@1    0.3333" in lines
    assert lines[-2:] == ["  3 问题3 · not found", "  2 问题2 · at 2"]


def test_a_comparison_names_what_moved_and_by_how_much() -> None:
    comparison = compare(ask({"1": "ab", "2": "ba", "3": "ab"}), ask({"1": "ab", "2": "ab", "3": "b"}))
    assert [(one.id, one.before, one.after) for one in comparison.moved] == [("3", 1, None), ("2", 2, 1)]
    first = comparison.differences[0]
    assert (first.measure, first.difference, first.better, first.worse, first.p) == ("hit@1", 0, 1, 1, 1)
    assert "3 问题3 · 1 → –" in "\n".join(comparison.lines())


def test_a_run_does_not_differ_from_itself() -> None:
    report = ask({"1": "ab", "2": "ba"})
    comparison = compare(report, report)
    assert not comparison.moved
    assert all(one.p == 1 and one.difference == one.low == one.high == 0 for one in comparison.differences)


def test_many_questions_that_gain_are_no_chance() -> None:
    worse = ask({str(n): "ba" if n < 30 else "ab" for n in range(60)})
    better = ask({str(n): "ab" for n in range(60)})
    change = compare(worse, better).differences[0]
    assert change.p < 0.001
    assert 0.3 < change.low < change.difference == 0.5 < change.high < 0.7


def test_other_questions_cannot_be_compared_and_other_passages_are_told() -> None:
    with pytest.raises(InputError, match="different questions"):
        compare(ask({"1": "a"}), ask({"2": "a"}))
    question = [Question(id="1", text="问", relevant=("a",))]
    whole, part = (evaluate_retrieval(lambda _: ["a"], some, question) for some in (PASSAGES, PASSAGES[:3]))
    assert not compare(whole, part).same_passages


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=40))
def test_the_p_value_is_a_probability_that_does_not_know_directions(change: list[float]) -> None:
    p = paired_p(np.array(change))
    assert 0 < p <= 1
    assert paired_p(-np.array(change)) == p


def test_sampled_and_enumerated_p_values_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    change = np.array([1.0] * 9 + [-0.5] * 4)
    enumerated = paired_p(change)
    monkeypatch.setattr(sys.modules[paired_p.__module__], "_ENUMERATED", 0)
    assert paired_p(change) == pytest.approx(enumerated, abs=0.01)


def write(path: Path, *lines: object) -> Path:
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_a_set_is_read_with_its_blank_lines_and_extra_fields(tmp_path: Path) -> None:
    passages = write(
        tmp_path / "p", {"id": "a", "text": "甲", "year": 2000}, "", {"id": "b", "title": "乙", "text": "丙"}
    )
    questions = write(tmp_path / "q", {"id": "1", "question": "甲？", "passage_ids": ["a", "a", "b"], "answers": []})
    assert read_passages(passages) == [Passage(id="a", title="", text="甲"), Passage(id="b", title="乙", text="丙")]
    assert read_questions(questions) == [Question(id="1", text="甲？", relevant=("a", "b"))]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 2: not JSON"),
        ("[1]", "line 2: not a JSON object"),
        ('{"id": "2"}', "line 2: passage_ids is missing"),
        ('{"id": "2", "passage_ids": ["a"]}', "line 2: question is missing"),
        ('{"id": 2, "question": "？", "passage_ids": ["a"]}', "line 2: id is not a text"),
        ('{"id": "2", "question": "？", "passage_ids": []}', "line 2: passage_ids is not a list"),
        ('{"id": "2", "question": "？", "passage_ids": "a"}', "line 2: passage_ids is not a list"),
        ('{"id": "1", "question": "？", "passage_ids": ["a"]}', "line 2: id '1' stands on an earlier line"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = write(tmp_path / "q.jsonl", {"id": "1", "question": "甲？", "passage_ids": ["a"]}, line)
    with pytest.raises(InputError, match=reason):
        read_questions(path)


def test_files_that_are_no_sets_or_no_reports_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_passages(tmp_path / "absent")
    with pytest.raises(InputError, match="holds no line"):
        read_passages(write(tmp_path / "empty", ""))
    (tmp_path / "latin").write_bytes(b'{"id": "\xe9"}')
    with pytest.raises(InputError, match="not UTF-8"):
        read_passages(tmp_path / "latin")
    with pytest.raises(InputError, match="not a saved evaluation"):
        load_report(write(tmp_path / "other", {"a": 1}))
    with pytest.raises(InputError, match="cannot be read"):
        load_report(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be written"):
        save_report(ask({"1": "a"}), tmp_path / "no" / "folder")
