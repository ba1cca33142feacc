"""Harvests from a real local server: full, incremental, cut, restarted, refused; endless ones end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from indexer.catalogue import Catalogue
from indexer.ingest import IngestOptions, IngestReport, ingest
from indexer.sources import addresses, web
from indexer.sources.values import SourceError
from tests.indexer.factories import catalogue
from tests.indexer.sources.servers import Answer, Repository, serving


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "POLITE", 0.0)
    monkeypatch.setattr(web, "LONGEST_PAUSE", 0.01)


@pytest.fixture
def books(tmp_path: Path) -> Catalogue:
    return catalogue(tmp_path)


def repository(count: int = 5, **more: Any) -> Repository:
    records = {f"oai:x:{n}": (f"2026-02-0{n}T10:00:00Z", f"题名{n}") for n in range(1, count + 1)}
    return Repository(records=records, **more)


@contextmanager
def harvested(server: Repository, books: Catalogue) -> Iterator[Any]:
    """A function that harvests the server into the collection ``oai``."""
    with serving(server.respond) as address:

        def load(**options: Any) -> IngestReport:
            chosen = IngestOptions(collection="oai", allow_private=True, **{"format": "oai", **options})
            return ingest(books, [f"{address}/oai"], chosen)

        yield load


def titles(books: Catalogue) -> list[str]:
    return sorted(item.title for item in books.get(books.ids()).values())


def test_the_next_run_asks_only_for_what_changed_since_the_servers_date(books: Catalogue) -> None:
    server = repository()
    with harvested(server, books) as load:
        assert load().added == 5
        server.records["oai:x:2"] = ("2026-03-02T09:00:00Z", "题名二改")
        server.records["oai:x:3"] = ("2026-03-02T09:00:00Z", "")
        server.deleted.add("oai:x:3")
        server.now = "2026-03-03T08:00:00Z"
        report = load()
    assert server.lists()[-1]["from"] == "2026-03-01T08:00:00Z"
    assert (report.read, report.changed, report.deleted, report.withdrawn) == (1, 1, 1, 1)
    assert titles(books) == ["题名1", "题名4", "题名5", "题名二改"]


def test_a_server_of_whole_days_is_asked_for_a_whole_day(books: Catalogue) -> None:
    server = repository(granularity="YYYY-MM-DD")
    with harvested(server, books) as load:
        load()
        load()
    assert server.lists()[-1]["from"] == "2026-03-01"


def test_a_stretch_of_time_moves_no_mark(books: Catalogue) -> None:
    server = repository()
    with harvested(server, books) as load:
        load(reading={"from": "2026-02-04", "until": "2026-02-05"})
        assert load().added == 3
    assert "from" not in server.lists()[-1]


def test_the_richest_format_is_asked_for_and_marc_keeps_its_holdings(books: Catalogue) -> None:
    server = repository(1)
    fields = (
        "<record xmlns='http://www.loc.gov/MARC21/slim'><leader>00000nam0 2200000   450 </leader>"
        "<controlfield tag='001'>X1</controlfield>"
        "<datafield tag='200' ind1='1' ind2=' '><subfield code='a'>图书馆学</subfield></datafield>"
        "<datafield tag='905' ind1=' ' ind2=' '><subfield code='a'>CITY</subfield><subfield code='b'>001</subfield>"
        "<subfield code='d'>G250</subfield><subfield code='e'>1</subfield></datafield></record>"
    )
    header = "<header><identifier>oai:x:1</identifier><datestamp>2026-01-01</datestamp></header>"

    def answer(query: dict[str, str]) -> Answer | None:
        if query["verb"] == "ListMetadataFormats":
            names = ("oai_dc", "mods", "marc21")
            told = "".join(f"<metadataFormat><metadataPrefix>{n}</metadataPrefix></metadataFormat>" for n in names)
            return 200, {}, server.whole(f"<ListMetadataFormats>{told}</ListMetadataFormats>")
        record = f"<record>{header}<metadata>{fields}</metadata></record>"
        return 200, {}, server.whole(f"<ListRecords>{record}</ListRecords>")

    server.before = answer
    with harvested(server, books) as load:
        load(member="CITY")
    assert server.lists()[0]["metadataPrefix"] == "marc21"
    item = books.by_source_id("oai", "oai:x:1")
    assert item is not None
    assert (item.title, item.holdings[0].call_number) == ("图书馆学", "G250/1")


def test_nothing_new_is_no_error_and_full_starts_over(books: Catalogue) -> None:
    server = repository()
    with harvested(server, books) as load:
        load()
        report = load()
        assert (report.read, report.withdrawn) == (0, 0)
        assert load(full=True).unchanged == 5
    assert "from" not in server.lists()[-3]


def test_a_cut_harvest_goes_on_where_it_was_cut(books: Catalogue) -> None:
    server = repository()
    server.before = lambda query: (500, {}, "") if query.get("resumptionToken", "").endswith("|4") else None
    with harvested(server, books) as load:
        report = load()
        assert (report.added, report.skipped_count) == (4, 1)
        server.before = lambda query: None
        server.requests.clear()
        assert load().added == 1
    assert server.lists()[0]["resumptionToken"] == "|4"
    assert len(books.ids()) == 5


def test_a_complete_harvest_that_was_cut_keeps_what_its_first_part_saw(books: Catalogue) -> None:
    server = repository(6)
    with harvested(server, books) as load:
        load(complete=True)
        del server.records["oai:x:6"]
        server.before = lambda query: (500, {}, "") if query.get("resumptionToken", "").endswith("|4") else None
        assert load(complete=True).withdrawn == 0
        server.before = lambda query: None
        assert load(complete=True).withdrawn == 1
    assert titles(books) == [f"题名{n}" for n in range(1, 6)]


def test_a_token_the_server_no_longer_knows_restarts_the_list(books: Catalogue) -> None:
    server = repository()
    lost: list[str] = []

    def forget(query: dict[str, str]) -> Answer | None:
        if query.get("resumptionToken", "").endswith("|2") and not lost:
            lost.append("once")
            return 200, {}, server.error("badResumptionToken", "expired")
        return None

    server.before = forget
    with harvested(server, books) as load:
        report = load()
    assert len(books.ids()) == 5
    assert any("badResumptionToken" in remark.reason for remark in report.remarks)


def test_a_busy_server_is_waited_for(books: Catalogue) -> None:
    server = repository()
    answers = iter([(503, {"Retry-After": "1"}, ""), (502, {}, "")])
    server.before = lambda query: next(answers, None)
    with harvested(server, books) as load:
        assert load().added == 5


@pytest.mark.parametrize("fresh", [False, True])
def test_tokens_without_end_end(books: Catalogue, fresh: bool) -> None:
    server = repository(2)
    asked: list[str] = []

    def endless(query: dict[str, str]) -> Answer | None:
        if query.get("verb") != "ListRecords":
            return None
        asked.append("")
        token = f"t{len(asked)}" if fresh else "t"
        body = "" if fresh else server.record("oai:x:1")
        return 200, {}, server.whole(f"<ListRecords>{body}<resumptionToken>{token}</resumptionToken></ListRecords>")

    server.before = endless
    with harvested(server, books) as load, pytest.raises(SourceError, match="resumptionToken") if fresh else _noted():
        load()
    assert len(asked) < 30


@contextmanager
def _noted() -> Iterator[None]:
    """What was read before the circle closed is kept; the circle is a skip in the report."""
    yield


def test_an_error_of_the_protocol_is_told_in_words(books: Catalogue) -> None:
    server = repository()
    server.before = lambda query: (200, {}, server.error("cannotDisseminateFormat", "marc21 is not supported"))
    with harvested(server, books) as load, pytest.raises(SourceError, match=r"cannotDisseminateFormat.*marc21"):
        load(reading={"metadataPrefix": "marc21"})


def test_control_characters_cost_no_record(books: Catalogue) -> None:
    server = repository(2)
    server.records["oai:x:2"] = ("2026-02-02T10:00:00Z", "带\x08控制符")
    with harvested(server, books) as load:
        report = load()
    assert titles(books) == ["带控制符", "题名1"]
    assert report.remark_count == 1


def test_the_protocol_is_told_from_the_answer(books: Catalogue) -> None:
    with harvested(repository(), books) as load:
        assert load(format="auto").added == 5


def test_descriptions_may_be_loaded_as_research_results(books: Catalogue) -> None:
    with harvested(repository(1), books) as load:
        load(kind="research")
    (item,) = books.get(books.ids()).values()
    assert (item.kind, item.title) == ("research", "题名1")


def test_the_own_network_is_refused_unless_it_is_named(books: Catalogue) -> None:
    server = repository()
    with serving(server.respond) as address, pytest.raises(SourceError, match="内部网络"):
        ingest(books, [address], IngestOptions(collection="oai", format="oai"))
    assert server.requests == []


def test_an_entity_bomb_is_refused(books: Catalogue) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><OAI-PMH>&b;</OAI-PMH>'
    server = repository()
    server.before = lambda query: (200, {}, bomb)
    with harvested(server, books) as load, pytest.raises(SourceError, match="实体"):
        load()
