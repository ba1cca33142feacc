"""JSONL per contract, and RSS and Atom: wrong lines are told by number and reason, the others load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from indexer.sources.jsonl import LONGEST_LINE
from indexer.sources.opening import ReadingOptions, read_path
from indexer.sources.values import Outcome, Read, Skipped, SourceError
from tests.indexer.factories import catalogue, load

GOOD = '{"id": "1", "title": "题名", "text": "正文"}'


def read(path: Path, content: str | bytes, kind: str | None = None) -> list[Outcome]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return [outcome for _, outcome in read_path(str(path), ReadingOptions(kind=kind))]


def things(found: list[Outcome]) -> list[Any]:
    return [one.thing for one in found if isinstance(one, Read)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"title": "t", "text": "x"}', "缺少 id"),
        ('{"id": null, "title": "t", "text": "x"}', "缺少 id"),
        ('{"id": "  ", "title": "t", "text": "x"}', "id 不是非空的字符串或整数"),
        ('{"id": true, "title": "t", "text": "x"}', "id 不是非空的字符串或整数"),
        ('{"id": 1.5, "title": "t", "text": "x"}', "id 不是非空的字符串或整数"),
        ('{"id": "1", "text": "x"}', "缺少 title"),
        ('{"id": "1", "title": "t"}', "缺少 text"),
        ('{"id": "1", "title": 5, "text": "x"}', "title 不是字符串"),
        ('{"id": "1", "title": "", "text": " "}', "title 和 text 都是空的"),
        ('{"id": "1", "title": "t", "text": "x", "kind": "novel"}', "kind 不是"),
        ('{"id": "1", "title": "t", "text": "x", "metadata": []}', "metadata 不是对象"),
        ('{"id": "1", "title": "t", "text": "x", "url": {}}', "url 不是字符串"),
        ('{"id": "1", "title": "t", "text": "x", "metadata": {"a": NaN}}', "NaN"),
        ('{"id": "1", "title": "t", "text": "x", "metadata": {"a": 1e999}}', "数过大"),
        ('{"id": "1", "title": "t", "text": "x", "metadata": {"a": ' + "[" * 500 + "]" * 500 + "}}", "嵌套过深"),
        ('["id"]', "不是一个 JSON 对象"),
        ("{oops", "不是有效的 JSON"),
        ('{"id": "1", "title": "t", "text', "不是有效的 JSON"),
    ],
)
def test_a_wrong_line_is_told_and_the_others_load(tmp_path: Path, line: str, reason: str) -> None:
    found = read(tmp_path / "a.jsonl", f"{GOOD}\n\n{line}\r\n{GOOD.replace('1', '2')}")
    assert [thing.source_id for thing in things(found)] == ["1", "2"]
    (skipped,) = [one for one in found if isinstance(one, Skipped)]
    assert skipped.place == "第 3 行"
    assert reason in skipped.reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_lines_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    found = read(tmp_path / "a.jsonl", (GOOD + "\r\n" + GOOD.replace("1", "2") + "\r\n").encode(encoding))
    assert [(thing.source_id, thing.title) for thing in things(found)] == [("1", "题名"), ("2", "题名")]


def test_a_line_without_end_is_told_and_passed_over(tmp_path: Path) -> None:
    long = b'{"id": "9", "title": "' + b"x" * (LONGEST_LINE + 10) + b'"}\n'
    found = read(tmp_path / "a.jsonl", GOOD.encode() + b"\n" + long + GOOD.replace("1", "2").encode())
    assert len(things(found)) == 2
    assert [one.place for one in found if isinstance(one, Skipped)] == ["第 2 行"]


def test_one_array_is_read_too(tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", f'[\n{GOOD},\n{{"title": "t"}}\n]')
    assert len(things(found)) == 1
    assert [one.place for one in found if isinstance(one, Skipped)] == ["第 2 个对象"]


def test_an_id_that_comes_again_is_told_with_its_line_and_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    lines = [GOOD.replace('"1"', f'"{n}"') for n in range(700)]
    path.write_text("\n".join([*lines, GOOD.replace("正文", "后来的正文"), '{"id": "699", "title": "t", "text": "y"}']))
    books = catalogue(tmp_path)
    report = load(books, path, collection="c")
    assert report.repeated == 2
    assert {one.place for one in report.remarks} == {"第 701 行", "第 702 行"}
    item = books.by_source_id("c", "1")
    assert item is not None
    assert item.text == "后来的正文"


RSS = """<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>动态</title>
<link>https://lib.example/news/</link>
<item><title>甲 &amp;amp; 乙</title><link>/a/1.html</link><pubDate>Tue, 05 Mar 2024 00:30:00 +0800</pubDate>
<description>&lt;h2&gt;缘起&lt;/h2&gt;&lt;p&gt;第一段。&lt;/p&gt;&lt;p&gt;第二段。&lt;/p&gt;</description></item>
<item><title>没有标识也没有链接</title><pubDate>2024年3月6日 09:00</pubDate><description>正文</description></item>
<item><guid>same</guid><title>丙</title></item><item><guid>same</guid><title>丁</title></item>
<item><title></title></item><item><title>戊</title><link>javascript:alert(1)</link></item></channel></rss>"""


def test_a_feed_with_relative_links_and_missing_ids(tmp_path: Path) -> None:
    found = read(tmp_path / "a.rss", RSS)
    first, second, third, fourth, last = things(found)
    assert (first.title, first.url, first.date) == ("甲 & 乙", "https://lib.example/a/1.html", "2024-03-05")
    assert first.text.split("\n") == ["缘起", "第一段。", "第二段。"]
    assert first.blocks[-1].end == len(first.text)
    assert load(catalogue(tmp_path), tmp_path / "a.rss", collection="news").added == 5
    assert (second.date, second.kind) == ("2024-03-06", "news")
    assert third.source_id != fourth.source_id
    assert last.url == ""
    assert [one.place for one in found if isinstance(one, Skipped)] == ["第 5 条"]


def test_an_atom_feed_and_an_entity_bomb(tmp_path: Path) -> None:
    atom = (
        "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://lib.example/'><title>t</title>"
        "<entry><id>urn:1</id><title>甲</title><link href='a.html'/><updated>2024-03-05T23:30:00+08:00</updated>"
        "<content type='html'>&lt;p&gt;正文&lt;/p&gt;</content></entry></feed>"
    )
    (thing,) = things(read(tmp_path / "a.atom", atom))
    assert (thing.source_id, thing.url, thing.date, thing.text) == (
        "urn:1", "https://lib.example/a.html", "2024-03-05", "正文",
    )  # fmt: skip
    with pytest.raises(SourceError, match="实体"):
        read(tmp_path / "b.rss", RSS.replace("<rss", "<!DOCTYPE x [<!ENTITY a 'aaa'>]><rss"))
