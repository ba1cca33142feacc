"""Tokens are the same for every spelling of the same words."""

from __future__ import annotations

import pytest

from indexer.tokens import Tokeniser


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("家", {"家"}),
        ("图书馆", {"图", "书", "馆", "图书", "书馆", "图书馆"}),
        ("圖書館", {"图", "书", "馆", "图书", "书馆", "图书馆"}),
        ("ＡＢＣ Python3", {"abc", "python3"}),
        ("", set()),
        ("，。！ ", set()),
    ],
)
def test_tokens(text: str, expected: set[str]) -> None:
    assert set(Tokeniser().tokens(text)) == expected


def test_latin_and_han_are_cut_apart() -> None:
    assert {"c4d", "教", "程", "教程"} <= set(Tokeniser().tokens("C4D教程"))


def test_the_fingerprint_names_tokeniser_and_dictionary() -> None:
    assert "jieba" in Tokeniser().fingerprint


def test_long_runs_are_bounded() -> None:
    assert max(map(len, Tokeniser().tokens("a" * 10_000))) <= 64


def test_spaces_between_han_words_divide_nothing() -> None:
    assert Tokeniser().tokens("转型中 的 中国 经济") == Tokeniser().tokens("转型中的中国经济")
    assert "国经" not in Tokeniser().tokens("中国\n经济")
