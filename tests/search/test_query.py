"""What a reader typed, read as a table."""

from __future__ import annotations

import pytest

from backend.search import fuse
from backend.search.fuse import Candidate
from backend.search.query import parse, without_question_phrases
from backend.search.snippets import highlights, snippet


@pytest.mark.parametrize(
    ("q", "key"),
    [
        ("978-7-5643-1129-2", "isbn:9787564311292"),
        ("ＩＳＢＮ：７５０６３６５４３Ｘ", "isbn:9787506365437"),
        ("这本书 978 7 5643 1129 2 有吗", "isbn:9787564311292"),
        ("1001-8867", "issn:10018867"),
        ("gbt 7714—2015 现行吗", "standard:gbt77142015"),
        ("GB／T 7714", "stdbase:gbt7714"),
        ("g258.22/12", "call:G258.22/12"),
        ("G258", "class:g258"),
        ("《红樓夢》在哪里", "title:红楼梦"),
        ("紅樓夢", "title:红楼梦"),
        ("hongloumeng", "py:hongloumeng"),
        ("hlm", "pi:hlm"),
        ("Hung lou meng", "py:hongloumeng"),
        ("Hsü Chün-lin", "creator:xujunlin"),
        ("GB/T 7714 2015", "standard:gbt77142015"),
    ],
)
def test_named_items_are_recognised(q: str, key: str) -> None:
    assert key in [key for item in parse(q).known for key in item.keys]


@pytest.mark.parametrize("q", ["9787564311293", "2024-2025", "电话 13800138000", "第1978届"])
def test_other_numbers_are_no_isbn_or_issn(q: str) -> None:
    keys = [key for item in parse(q).known for key in item.keys]
    assert not [key for key in keys if key.startswith(("isbn:", "issn:"))]


@pytest.mark.parametrize(
    ("q", "left"),
    [("什么是图书馆联盟", "是图书馆联盟"), ("请问办证多少钱？", "办证"), ("什么", "什么")],
)
def test_question_phrases_are_taken_out(q: str, left: str) -> None:
    assert without_question_phrases(q).strip(" ？") == left


def test_a_title_and_its_author_are_told_from_a_list_of_words() -> None:
    pairs = {(item.keys[0], item.also[0]) for item in parse("余华的《活着》").known if item.also}
    assert pairs == {("title:活着", "creator:余华"), ("title:余华", "creator:活着")}
    assert ("title:clothinghistory", "creator:china") in {
        (item.keys[0], item.also[0]) for item in parse("clothing history China").known if item.also
    }


def test_long_questions_are_cut_and_said_so() -> None:
    parsed = parse("借" * 5_000)
    assert parsed.truncated
    assert len(parsed.text) == 2_000


def test_names_come_before_scores_and_ties_keep_catalogue_order() -> None:
    plain = Candidate(number=1, bm25=50.0, z=9.0)
    named = Candidate(number=2, bm25=0.0, z=0.0, tier=85, why="题名完全匹配")
    equal = Candidate(number=3, bm25=50.0, z=9.0)
    assert [candidate.number for candidate in fuse.rank([equal, plain, named])] == [2, 1, 3]
    assert Candidate(number=1, bm25=2.0, z=1.0).fused == 17.0


def test_token_weights_stand_for_both_forms_of_the_question() -> None:
    weights = fuse.token_weights(["办", "证", "多少"], ["办", "证"])
    assert weights == pytest.approx({"办": 1.0, "证": 1.0, "多少": 0.3})
    assert fuse.coverage(weights, ["办"]) == pytest.approx(1 / 2.3)


def test_highlights_point_at_the_original_characters() -> None:
    text = "本館藏書《紅樓夢》，ＡＢＣ與abcd。"
    assert [text[a:b] for a, b in highlights(text, ["红楼梦", "abc"])] == ["紅樓夢", "ＡＢＣ"]


def test_a_snippet_shows_the_densest_place() -> None:
    text = "无关。" * 200 + "押金一百元，办理借书证。" + "无关。" * 200
    shown, spans = snippet(text, ["押金", "借书证"])
    assert len(shown) <= 180
    assert [shown[a:b] for a, b in spans] == ["押金", "借书证"]
