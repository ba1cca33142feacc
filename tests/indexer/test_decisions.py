"""Staff split and join items; the next load does not undo it."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.decisions import join, split
from tests.indexer.factories import catalogue, cnmarc_book, iso2709, load


def test_a_split_survives_a_changed_reload(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("A1", "红楼梦")), member="A")
    load(books, iso2709(tmp_path / "b.mrc", cnmarc_book("B1", "红楼梦")), member="B")
    assert len(books.ids()) == 1
    (into,) = books.collections()
    split(books, into, ("B", "B1"), reason="影印本", staff="desk", now=1.0)
    assert len(books.ids()) == 2
    load(books, iso2709(tmp_path / "b.mrc", cnmarc_book("B1", "红楼梦", year="2011", isbn="")), member="B")
    assert len(books.ids()) == 2


def test_a_join_survives_a_changed_reload(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("A1", "红楼梦")), member="A")
    load(books, iso2709(tmp_path / "b.mrc", cnmarc_book("B1", "红楼梦（校注本）")), member="B")
    (into,) = books.collections()
    kept = join(books, into, [("A", "A1"), ("B", "B1")], reason="同一版本", staff="desk", now=1.0)
    assert books.ids() == [kept]
    load(books, iso2709(tmp_path / "b.mrc", cnmarc_book("B1", "红楼梦（新校注本）")), member="B")
    assert books.ids() == [kept]


def test_a_decision_about_an_unknown_entry_changes_nothing(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("A1", "红楼梦")), member="A")
    (into,) = books.collections()
    with pytest.raises(LookupError):
        join(books, into, [("A", "A1"), ("A", "absent")], reason="", staff="desk", now=1.0)
    assert len(books.ids()) == 1
