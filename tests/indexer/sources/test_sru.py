"""SRU: pages, diagnostics, packing, formats; saved answers of real servers."""

from __future__ import annotations

from html import escape
from pathlib import Path

import httpx
import pytest

from indexer.records import Record
from indexer.sources.opening import ReadingOptions, read_path
from indexer.sources.sru import fetch
from indexer.sources.values import Noticed, Read, Skipped, SourceError
from indexer.sources.web import Fetcher
from tests.shared_data import shared

MODS = (
    "<mods xmlns='http://www.loc.gov/mods/v3'><titleInfo><title>{title}</title></titleInfo>"
    "<recordInfo><recordIdentifier>{number}</recordIdentifier></recordInfo></mods>"
)


def fetcher(answer: object) -> Fetcher:
    client = httpx.Client(transport=httpx.MockTransport(answer))  # type: ignore[arg-type]
    return Fetcher(client=client, resolver=lambda host: ["93.184.216.34"], wait=lambda seconds: None)


def page(records: str, *, total: int = 5, following: int | None = None, more: str = "") -> httpx.Response:
    told = f"<nextRecordPosition>{following}</nextRecordPosition>" if following else ""
    return httpx.Response(
        200,
        text="<searchRetrieveResponse xmlns='http://www.loc.gov/zing/srw/'><version>1.2</version>"
        f"<numberOfRecords>{total}</numberOfRecords><records>{records}</records>{told}{more}</searchRetrieveResponse>",
    )


def record(number: int, *, packed: bool = False) -> str:
    body = MODS.format(title=f"题名{number}", number=number)
    return (
        f"<record><recordSchema>mods</recordSchema><recordData>{escape(body) if packed else body}</recordData></record>"
    )


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("packed", [True, False])
def test_pages_follow_the_told_or_the_counted_position(told: bool, packed: bool) -> None:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        start = int(request.url.params["startRecord"])
        numbers = range(start, min(start + 2, 6))
        following = start + 2 if told and start + 2 <= 5 else None
        return page("".join(record(n, packed=packed) for n in numbers), following=following)

    outcomes = list(fetch("http://sru.example/sru", fetcher(answer), arguments={"query": "dc.title=题名"}))
    things = [one.thing for one in outcomes if isinstance(one, Read)]
    assert [(thing.source_id, thing.title) for thing in things] == [(str(n), f"题名{n}") for n in range(1, 6)]
    assert [one["startRecord"] for one in asked] == ["1", "3", "5"]
    assert asked[0]["operation"] == "searchRetrieve"


def test_a_server_that_gives_the_first_page_for_ever_is_left() -> None:
    same = fetcher(lambda request: page(record(1), total=100))
    with pytest.raises(SourceError, match="同一页"):
        list(fetch("http://sru.example/sru", same, arguments={"query": "x"}))


def test_a_diagnostic_is_told_with_its_number_and_words() -> None:
    diagnostic = (
        "<diagnostics><diagnostic xmlns='http://www.loc.gov/zing/srw/diagnostic/'>"
        "<uri>info:srw/diagnostic/1/66</uri><details>marcxml2</details><message>Unknown schema</message>"
        "</diagnostic></diagnostics>"
    )
    refused = fetcher(lambda request: page("", total=0, more=diagnostic))
    with pytest.raises(SourceError, match=r"66.*Unknown schema.*marcxml2"):
        list(fetch("http://sru.example/sru", refused, arguments={"query": "x"}))


def test_a_surrogate_diagnostic_costs_only_its_record() -> None:
    surrogate = (
        "<record><recordSchema>info:srw/schema/1/diagnostics-v1.1</recordSchema><recordData>"
        "<diagnostic xmlns='http://www.loc.gov/zing/srw/diagnostic/'><uri>info:srw/diagnostic/1/65</uri>"
        "<message>Record gone</message></diagnostic></recordData></record>"
    )
    outcomes = list(
        fetch("http://sru.example/", fetcher(lambda r: page(surrogate + record(2), total=2)), arguments={"query": "x"})
    )
    assert [type(one) for one in outcomes] == [Skipped, Read]


def test_a_server_that_does_not_know_the_version_is_asked_in_the_older_one() -> None:
    unsupported = (
        "<diagnostics><diagnostic xmlns='http://www.loc.gov/zing/srw/diagnostic/'>"
        "<uri>info:srw/diagnostic/1/5</uri><message>Unsupported version</message></diagnostic></diagnostics>"
    )

    def answer(request: httpx.Request) -> httpx.Response:
        old = request.url.params["version"] == "1.1"
        return page(record(1), total=1) if old else page("", total=0, more=unsupported)

    outcomes = list(fetch("http://sru.example/", fetcher(answer), arguments={"query": "x"}))
    assert len(outcomes) == 1


def test_without_a_query_nothing_is_asked() -> None:
    with pytest.raises(SourceError, match="--query"):
        list(fetch("http://sru.example/", fetcher(lambda request: page("")), arguments={}))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["dc", "dcx", "mods", "marcxml", "unimarcxml"])
def test_a_real_answer_is_read_in_every_format(name: str) -> None:
    path = shared(f"oai_sru/bnu_sru_{name}.xml")
    things = [one.thing for _, one in read_path(str(path), ReadingOptions()) if isinstance(one, Read)]
    assert len(things) == 10
    assert all(isinstance(thing, Record) and thing.title for thing in things)


@pytest.mark.shared
def test_a_mods_record_keeps_names_roles_imprint_and_isbn() -> None:
    path = shared("oai_sru/bnu_sru_mods.xml")
    first = next(one.thing for _, one in read_path(str(path), ReadingOptions()) if isinstance(one, Read))
    assert isinstance(first, Record)
    assert first.source_id == "990002180740203961"
    assert [(one.name, one.role) for one in first.contributors] == [("叶震", "主编"), ("李强", "主编")]
    assert (first.place, first.publisher, first.year) == ("北京", "中国统计出版社", 1994)
    assert first.identifiers[0].value == "9787503717444"


def test_original_script_goes_before_romanisation_in_mods(tmp_path: Path) -> None:
    path = tmp_path / "one.xml"
    path.write_text(
        "<mods xmlns='http://www.loc.gov/mods/v3'>"
        "<titleInfo altRepGroup='1'><title>Hong lou meng</title></titleInfo>"
        "<titleInfo altRepGroup='1'><title>紅樓夢</title></titleInfo>"
        "<name altRepGroup='2'><namePart>Cao, Xueqin</namePart></name>"
        "<name altRepGroup='2'><namePart>曹雪芹</namePart></name>"
        "<location><physicalLocation>总馆</physicalLocation><shelfLocator>I242.4/5</shelfLocator></location></mods>",
        encoding="utf-8",
    )
    (read,) = [one for _, one in read_path(str(path), ReadingOptions()) if isinstance(one, Read)]
    thing = read.thing
    assert isinstance(thing, Record)
    assert (thing.title, thing.romanised) == ("紅樓夢", ("Hong lou meng",))
    assert (thing.contributors[0].name, thing.contributors[0].alternates) == ("曹雪芹", ("Cao, Xueqin",))
    assert thing.holdings[0].call_number == "I242.4/5"


@pytest.mark.shared
def test_a_saved_page_of_a_harvest_says_that_it_is_one_page() -> None:
    outcomes = [one for _, one in read_path(str(shared("oai_sru/sample-oai-no-namespace.xml")), ReadingOptions())]
    assert sum(isinstance(one, Read) for one in outcomes) == 10
    assert any(isinstance(one, Noticed) for one in outcomes)
