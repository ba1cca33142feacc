"""Citations as people write them, and how many of real ones are read rightly."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest

from backend.delivery.citations import Citation, best_match, parse
from backend.delivery.values import ItemRef
from tests.shared_data import shared

Item = dict[str, Any]

KNOWN = [
    (
        "[3] 王某，李某．联盟建设［J］．图书馆学报，2020，42（3）：1－9．",
        {"title": "联盟建设", "journal": "图书馆学报", "year": 2020, "volume": "42", "issue": "3", "pages": "1-9"},
    ),
    (
        "Li, M., & Wang, K. (2020). Digital libraries in China. Library Review, 12(3), 45–67. https://doi.org/10.1000/xyz",
        {"title": "Digital libraries in China", "journal": "Library Review", "issue": "3", "doi": "10.1000/xyz"},
    ),
    (
        "Li M, Wang K. Digital libraries. J Acad Librariansh. 2020;46(3):102-110.",
        {"title": "Digital libraries", "journal": "J Acad Librariansh", "volume": "46", "pages": "102-110"},
    ),
    (
        'Smith, John. "Reading rooms." Library Quarterly, vol. 12, no. 3, 2019, pp. 45-60.',
        {"title": "Reading rooms", "journal": "Library Quarterly", "year": 2019, "pages": "45-60"},
    ),
    (
        "李明 县域图书馆总分馆制研究 图书馆论坛 2019年第4期 45-52页",
        {"title": "县域图书馆总分馆制研究", "authors": "李明", "journal": "图书馆论坛", "issue": "4", "pages": "45-52"},
    ),
    ("杨伯峻《论语译注》", {"title": "论语译注", "authors": "杨伯峻"}),
    (
        "@book{x, title={中国{图书馆}史}, author={甲 and 乙}, publisher=\"某社\", year=2017,isbn={978-7-5325-5940-4}}",
        {"title": "中国图书馆史", "authors": "甲, 乙", "publisher": "某社", "year": 2017, "isbn": "9787532559404"},
    ),
    (
        "TY  - JOUR\nTI  - 题名\nAU  - 甲\nJO  - 刊名\nPY  - 2018\nVL  - 3\nIS  - 2\nSP  - 5\nEP  - 9\nER  - ",
        {"title": "题名", "authors": "甲", "journal": "刊名", "year": 2018, "pages": "5-9"},
    ),
    ("978-7-5325-5940-4", {"isbn": "9787532559404", "title": ""}),
    ("图书馆学报 2019, 41(2): 1234-1243", {"issn": "", "pages": "1234-1243"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), KNOWN)
def test_every_usual_shape_is_read(text: str, expected: Item) -> None:
    found = parse(text)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_wrong_check_digit_is_no_identifier() -> None:
    assert parse("ISBN 978-7-5325-5940-5").isbn == ""


def test_a_journal_is_matched_by_its_name_and_an_article_is_no_book_of_that_title() -> None:
    journal = ItemRef(id="j", title="图书馆论坛", kind="serial", issn="1002-1167")
    book = ItemRef(id="b", title="地方文献工作", creators=("某人",))
    read = parse("李某. 地方文献工作的若干问题[J]. 图书馆论坛, 2019, 39(4): 45-52.")
    assert best_match(read, [book, journal]) == (journal, "按刊名核对为《图书馆论坛》")
    assert best_match(read, [book])[0] is None


def test_hostile_text_is_read_quickly() -> None:
    for text in ("(" * 2000, "《" * 2000, "1,2" * 700, "A B. " * 400, "[J]" * 600, "@a{" + "{" * 1900, "a-1" * 600):
        parse(text[:2000])


def _gbt(item: Item) -> str:
    authors = ", ".join(item["authors"][:3])
    head = f"{authors}. " if authors else ""
    pages = f": {item['pages']}" if item["pages"] else ""
    if item["journal"]:
        number = f", {item['volume']}" if item["volume"] else ""
        number += f"({item['issue']})" if item["issue"] else ""
        return f"{head}{item['title']}[J]. {item['journal']}, {item['year']}{number}{pages}."
    return f"{head}{item['title']}[M]. {item['place']}: {item['publisher']}, {item['year']}{pages}."


def _apa(item: Item) -> str:
    rest = item["publisher"]
    if item["journal"]:
        rest = item["journal"] + (f", {item['volume']}" if item["volume"] else "")
        rest += (f"({item['issue']})" if item["issue"] else "") + (f", {item['pages']}" if item["pages"] else "")
    return f"{', '.join(item['authors']) or 'Anon'} ({item['year']}). {item['title']}. {rest}."


def _plain(item: Item) -> str:
    number = item["volume"] + (f"({item['issue']})" if item["issue"] else "")
    where = item["journal"] or item["publisher"]
    return " ".join(
        part for part in (*item["authors"][:1], item["title"], where, item["year"], number, item["pages"]) if part
    )


def _bare(text: str) -> str:
    return re.sub(r"[\W_]", "", unicodedata.normalize("NFKC", text)).lower()


def _real() -> list[Item]:
    """Chinese and foreign journal articles and books with a year."""
    found = []
    for line in shared("standards/zotero_cn_items.jsonl").read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        year = re.search(r"\d{4}", str(entry.get("date", "")))
        if entry["itemType"] not in ("book", "journalArticle") or not year or "<" in entry["title"]:
            continue
        article = entry["itemType"] == "journalArticle"
        people = [each for each in entry.get("creators", []) if each.get("creatorType") == "author"]
        found.append({
            "title": entry["title"],
            "authors": [f"{p.get('lastName', '')} {p.get('firstName', '')}".strip() for p in people],
            "journal": str(entry.get("publicationTitle", "")) if article else "",
            "volume": str(entry.get("volume", "")) if article else "",
            "issue": str(entry.get("issue", "")) if article else "",
            "pages": str(entry.get("pages", "")) if article else "",
            "publisher": str(entry.get("publisher", "")),
            "place": str(entry.get("place", "")),
            "year": year[0],
        })  # fmt: skip
    return found


@pytest.mark.shared
@pytest.mark.parametrize(("write", "title", "pages"), [(_gbt, 0.97, 0.97), (_apa, 0.95, 0.9), (_plain, 0.75, 0.7)])
def test_most_real_citations_are_read_rightly(write: Callable[[Item], str], title: float, pages: float) -> None:
    items = _real()
    read: list[tuple[Item, Citation]] = [(item, parse(write(item))) for item in items]
    right = sum(_bare(item["title"]) == _bare(found.title) for item, found in read)
    paged = [(item, found) for item, found in read if item["pages"]]
    right_pages = sum(_bare(item["pages"]) == _bare(found.pages) for item, found in paged)
    assert right / len(read) >= title
    assert right_pages / len(paged) >= pages
    assert all(found.year == int(item["year"]) for item, found in read if write is not _plain)
