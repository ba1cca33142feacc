"""Librarians look into merges and put them right by command; the next load keeps what they decided."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from backend.cli.main import app
from tests.indexer.factories import cnmarc_book, iso2709


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANWEN_DATA_DIR", str(tmp_path))
    return tmp_path


def lianwen(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_librarian_sees_why_records_were_merged_and_splits_one_off_for_good(home: Path) -> None:
    (home / "holdings.toml").write_text('[members]\n"总馆" = "CITY"\n', encoding="utf-8")
    held = [[("a", "总馆"), ("b", "1"), ("d", "I2")], [("a", "鼓楼"), ("b", "2"), ("d", "I2")]]
    first = iso2709(home / "a.mrc", cnmarc_book("A1", "红楼梦", held=held))
    second = iso2709(home / "b.mrc", cnmarc_book("B1", "紅樓夢"), encoding="gb18030")
    loaded = lianwen("ingest", str(first), "--collection", "books", "--member", "CITY", "--json")
    assert json.loads(loaded.stdout)["unmapped"] == {"鼓楼": 1}
    assert lianwen("ingest", str(second), "--collection", "books", "--member", "NORTH").exit_code == 0
    (merge,) = json.loads(lianwen("catalogue", "merges", "--collection", "books", "--json").stdout)
    assert "繁简" in merge["reason"]
    assert "NORTH:B1" in lianwen("catalogue", "show", merge["id"]).stdout
    done = lianwen("catalogue", "split", "NORTH:B1", "--collection", "books", "--reason", "影印本")
    assert done.exit_code == 0, done.exception
    iso2709(home / "b.mrc", cnmarc_book("B1", "紅樓夢", publisher="西南交通大学"))
    lianwen("ingest", str(second), "--collection", "books", "--member", "NORTH")
    assert json.loads(lianwen("catalogue", "merges", "--collection", "books", "--json").stdout) == []
    assert "影印本" in lianwen("catalogue", "decisions", "--collection", "books").stdout
    for arguments, told in (
        (("split", "B1", "--collection", "books", "--reason", "x"), "MEMBER:ID"),
        (("split", ":absent", "--collection", "books", "--reason", "x"), "no such entry"),
        (("join", "CITY:A1", "--collection", "books", "--reason", "x"), "at least two"),
        (("show", "absent"), "no record"),
        (("split", "CITY:A1", "--collection", "absent", "--reason", "x"), "no collection"),
    ):
        assert told in str(lianwen("catalogue", *arguments).exception)
