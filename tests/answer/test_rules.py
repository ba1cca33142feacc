"""Whose rule answers, and how it is said."""

from __future__ import annotations

from backend.answer.answerer import Answerer
from tests.answer.test_answerer import ask


def test_a_library_named_in_the_question_answers_for_itself(answerer: Answerer) -> None:
    answer = ask(answerer, "师范学院图书馆周六和周日开放吗", member="city")
    assert "示例师范学院图书馆" in answer.text
    assert "9:00至17:00" not in answer.text


def test_rules_that_differ_are_each_said_to_a_reader_of_no_library(answerer: Answerer) -> None:
    answer = ask(answerer, "图书馆几点开门", member=None)
    assert answer.reason == "rules_differ"
    assert "示例师范学院图书馆" in answer.text
    assert "示例市图书馆" in answer.text


def test_a_library_that_is_no_member_is_refused_by_name(answerer: Answerer) -> None:
    answer = ask(answerer, "省图书馆周六开放吗")
    assert answer.refused
    assert answer.reason == "other_library"
    assert "省图书馆" in answer.text


def test_each_part_of_a_question_is_answered_or_said_to_be_unanswered(answerer: Answerer) -> None:
    answer = ask(answerer, "图书逾期每天收取多少滞纳金？火星上的第一座城市叫什么？")
    assert not answer.refused
    assert answer.reason == "partly"
    assert "0.1元" in answer.text
    assert "火星上的第一座城市叫什么" in answer.text


def test_the_author_of_a_book_is_told_from_its_record(answerer: Answerer) -> None:
    answer = ask(answerer, "《活着》的作者是谁")
    assert answer.text.startswith("《活着》的责任者是余华。")
    assert {citation.quote for citation in answer.sentences[0].citations} == {"活着", "余华"}


def test_the_newest_comes_first_and_subjects_keep_their_characters(answerer: Answerer) -> None:
    answer = ask(answerer, "余华最新的书")
    assert answer.sources[0].title == "兄弟"
