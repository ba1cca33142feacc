"""What is one manifestation and what is not: each pair differs in one point, and the reason can be read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from indexer.clustering import agreement, conflict, merge_reason, volume_key, work_key
from indexer.decisions import join, split
from indexer.records import Contributor, Identifier, Record
from tests.indexer.factories import catalogue, cnmarc_book, iso2709, load

ISBN = Identifier(scheme="isbn", value="9787100012345", display="978-7-100-01234-5")
OTHER = Identifier(scheme="isbn", value="9787100099998", display="")
BOOK = Record(
    source_id="1", title="红楼梦", contributors=(Contributor(name="曹雪芹", role="aut"),), publisher="商务印书馆",
    year=2011, identifiers=(ISBN,), languages=("chi",), edition="第2版",
)  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"title": "紅樓夢"}, "繁简"),
        ({"subtitle": "校注本"}, "副题名只有一方"),
        ({"publisher": "商务"}, "出版者写法不同"),
        ({"publisher": "商务印书馆有限公司"}, "出版者一致"),
        ({"publisher": ""}, "出版者只有一方"),
        ({"contributors": (Contributor(name="(清)曹雪芹", role="aut"),)}, "责任者一致"),
        ({"contributors": (Contributor(name="曹雪芹著"),)}, "责任者一致"),
        ({"contributors": (Contributor(name="高鹗"), Contributor(name="曹雪芹"))}, "责任者一致"),
        ({"contributors": ()}, "责任者只有一方"),
        ({"year": None}, "出版年只有一方"),
        ({"edition": "第2版（修订）", "metadata": {"edition_statement": "第二版"}}, "ISBN 同为"),
        ({"edition": "第二版"}, "ISBN 同为"),
        (
            {"title": "Hong lou meng", "contributors": (Contributor(name="Cao, Xueqin"),), "publisher": "Shang wu"},
            "拼音",
        ),
        ({"languages": ()}, "ISBN 同为"),
        ({"identifiers": (ISBN, OTHER)}, "ISBN 同为"),
    ],
)
def test_cataloguing_noise_is_forgiven_with_a_reason(change: dict[str, object], told: str) -> None:
    other = replace(BOOK, source_id="2", **change)  # type: ignore[arg-type]
    assert told in merge_reason([BOOK, other])
    assert agreement(other, BOOK)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": ("上册",)},
        {"title": "红楼梦 上"},
        {"title": "红楼梦（第二卷）"},
        {"year": 2012},
        {"edition": "第3版"},
        {"edition": "第1版"},
        {"edition": ""},
        {"languages": ("eng",)},
        {"metadata": {"form": "large-print"}},
        {"metadata": {"form": "electronic"}},
        {"material": "audio"},
        {"title": "红楼梦研究"},
        {"title": "Hong lou meng yan jiu"},
        {"subtitle": "校注本", "title": "红楼梦新编"},
        {"contributors": (Contributor(name="刘心武", role="aut"),)},
        {"publisher": "人民文学出版社"},
        {"identifiers": (OTHER,)},
        {"identifiers": (), "publisher": "商务"},
        {"identifiers": (), "subtitle": "校注本"},
    ],
)
def test_what_may_be_another_book_stays_apart(change: dict[str, object]) -> None:
    assert agreement(BOOK, replace(BOOK, source_id="2", **change)) == ()  # type: ignore[arg-type]


def test_volumes_of_a_set_stay_apart_by_part_subtitle_and_their_own_isbn() -> None:
    first = replace(BOOK, title="中国通史", parts=("第1卷",))
    assert conflict(first, replace(first, parts=("第二卷",)))
    assert agreement(first, replace(first, source_id="2", parts=("卷一",)))
    assert not agreement(replace(BOOK, subtitle="隋唐卷"), replace(BOOK, subtitle="宋元卷"))
    own = Identifier(scheme="isbn", value="9787100054321"), Identifier(scheme="isbn", value="9787100011111")
    assert conflict(*(replace(BOOK, identifiers=(ISBN, one)) for one in own))


@pytest.mark.parametrize(
    ("one", "other"),
    [("第一卷", "第1卷"), ("卷一", "1"), ("上册", "(上)"), ("Vol. 3", "3"), ("第十二辑", "12"), ("下", "下编")],
)
def test_a_volume_has_one_key_in_every_spelling(one: str, other: str) -> None:
    assert volume_key(one) == volume_key(other)


def test_editions_are_one_work_and_a_translation_too_where_it_names_its_original() -> None:
    assert work_key(BOOK) == work_key(replace(BOOK, year=1998, publisher="人民文学出版社", edition=""))
    original = Record(
        source_id="o", title="The old man and the sea", contributors=(Contributor(name="Hemingway, Ernest"),)
    )
    translated = replace(original, title="老人与海", metadata={"uniform_title": "Old man and the sea"})
    assert work_key(translated) == work_key(replace(original, title="Old man and the sea"))
    assert work_key(BOOK) != work_key(replace(BOOK, parts=("上册",)))


def test_a_poorer_record_joins_by_its_isbn_and_the_item_says_why(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    full = cnmarc_book("A1", "区域图书馆联盟建设研究")
    poor = cnmarc_book("B1", "區域圖書館聯盟建設研究", publisher="西南交通大学", by="[中]许军林")
    load(books, iso2709(tmp_path / "a.mrc", full), member="A")
    assert load(books, iso2709(tmp_path / "b.mrc", poor), member="B").merged == 1
    (only,) = books.ids()
    assert "ISBN 同为 9787564311292" in books.merge_reason(only)
    assert "出版者写法不同" in books.merge_reason(only)


def test_a_third_library_finds_an_item_that_staff_joined_and_not_one_that_they_split_off(tmp_path: Path) -> None:
    books = catalogue(tmp_path)
    load(books, iso2709(tmp_path / "a.mrc", cnmarc_book("A1", "红楼梦", isbn="")), member="A")
    load(books, iso2709(tmp_path / "b.mrc", cnmarc_book("B1", "红楼梦（校注本）", isbn="")), member="B")
    (into,) = books.collections()
    join(books, into, [("A", "A1"), ("B", "B1")], reason="同一版本", staff="desk", now=1.0)
    load(books, iso2709(tmp_path / "c.mrc", cnmarc_book("C1", "红楼梦（校注本）", isbn="")), member="C")
    assert len(books.ids()) == 1
    split(books, into, ("C", "C1"), reason="影印本", staff="desk", now=2.0)
    load(books, iso2709(tmp_path / "d.mrc", cnmarc_book("D1", "红楼梦（校注本）", isbn="")), member="D")
    assert len(books.ids()) == 2
