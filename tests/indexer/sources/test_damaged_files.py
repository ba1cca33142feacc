"""Damaged copies of good files of every kind: each gives outcomes or one clear error, nothing else."""

from __future__ import annotations

import contextlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from indexer.catalogue import Catalogue
from indexer.sources.opening import ReadingOptions, read_path
from indexer.sources.values import Outcome, SourceError
from tests.indexer.factories import catalogue, load
from tests.indexer.sources.papers import word
from tests.indexer.sources.servers import Repository
from tests.indexer.sources.test_jsonl_and_feeds import RSS

SUFFIXES = ("docx", "xlsx", "csv", "jsonl", "rss", "xml", "html", "md", "zip")


@cache
def sound(suffix: str, folder: Path) -> bytes:
    """A good file of the kind."""
    path = folder / f"good.{suffix}"
    if suffix == "docx":
        return word(path, lambda paper: (paper.add_heading("标题", 1), paper.add_table(2, 2))).read_bytes()
    if suffix == "xlsx":
        book = openpyxl.Workbook()
        book.active.append(["题名", "作者"])
        book.active.append(["甲", 1.5])
        book.save(path)
        return path.read_bytes()
    if suffix == "zip":
        import zipfile

        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", "正文。" * 50)
            archive.writestr("b.jsonl", json.dumps({"id": "1", "title": "t", "text": "x"}))
        return path.read_bytes()
    texts = {
        "csv": '题名,作者\n甲,"张\n三"\n乙,李\n',
        "jsonl": '{"id": "1", "title": "题名", "text": "正文"}\n' * 3,
        "rss": RSS,
        "xml": Repository(records={"a": ("2026-01-01", "甲"), "b": ("2026-01-01", "乙")}).page("", 0),
        "html": "<html><body><h1>题</h1><table><tr><td colspan=2>甲<td>乙</table><p>文</body></html>",
        "md": "# 题\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n正文\n",
    }
    return texts[suffix].encode()


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_gives_outcomes_or_one_error(tmp_path: Path, suffix: str, data: Any) -> None:
    content = bytearray(sound(suffix, tmp_path))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content))) :]
    for _ in range(data.draw(st.integers(0, 6))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"damaged.{suffix}"
    path.write_bytes(bytes(content))
    with contextlib.suppress(SourceError):
        assert all(isinstance(one, Outcome) for _, one in read_path(str(path), ReadingOptions()))  # type: ignore[arg-type]


def test_one_bad_file_of_a_folder_costs_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for suffix in SUFFIXES:
        whole = sound(suffix, tmp_path)
        (folder / f"cut.{suffix}").write_bytes(whole[: len(whole) // 2])
    (folder / "good.txt").write_text("完好的文字。", encoding="utf-8")
    books: Catalogue = catalogue(tmp_path)
    report = load(books, folder)
    assert books.by_source_id("books", "good.txt") is not None
    assert report.skipped_count
