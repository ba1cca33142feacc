"""A patron gets so many pages of a work and no more, whoever supplies them and wherever they ask."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.core.db import Database, now
from backend.core.errors import ConfigurationError, Conflict
from backend.delivery import copyright_store, requests, store
from backend.delivery.copyright import CopyrightLedger, CopyrightLimits, CopyrightPolicy
from backend.delivery.copyright_policy import load_policy
from backend.delivery.models import CopyRow
from backend.delivery.rules import Rules
from backend.delivery.values import Actor, HoldingRef, ItemRef
from backend.delivery.views import actor_of_visitor
from backend.delivery.works import issue_of, work_of
from tests.delivery.library import draft, item, staff_actor

POLICY = CopyrightPolicy(default=CopyrightLimits(max_pages=20), members={"county-a": CopyrightLimits(max_pages=8)})
LEDGER = CopyrightLedger(key="k" * 32, policy=POLICY)
RULES = Rules(open_limit=None, copyright=LEDGER)


def place(
    database: Database,
    pages: str,
    *,
    visitor: str = "v_1",
    contact: str = "a@example.org",
    found: ItemRef | None = None,
    **more: Any,
) -> str:
    actor: Actor = actor_of_visitor(visitor)
    with database.begin() as session:
        asked = draft(found or item("city"), service="copy", pages=pages, patron_contact=contact, **more)
        return requests.place(session, asked, actor=actor, rules=RULES, visitor_id=visitor).number


def act(database: Database, number: str, action: str, member: str = "city", **more: Any) -> None:
    with database.begin() as session:
        requests.move(session, number, action, actor=staff_actor(member), rules=RULES, **more)


def test_too_many_pages_are_refused_when_asked_with_what_can_be_done_instead(database: Database) -> None:
    with pytest.raises(Conflict, match="至多复制 20 页") as refused:
        place(database, "1-21")
    assert refused.value.detail is not None
    assert [each["kind"] for each in refused.value.detail["alternatives"]] == ["fewer_pages", "loan", "purchase"]
    assert "减到 20 页以内" in refused.value.message


def test_a_book_that_is_not_lent_is_not_offered_as_a_loan(database: Database) -> None:
    kept = ItemRef(id="r9", title="善本", holdings=(HoldingRef(member="city", loanable=False),))
    with pytest.raises(Conflict) as refused:
        place(database, "1-21", found=kept)
    assert "借阅" not in refused.value.message
    assert "荐购" in refused.value.message


def test_open_requests_count_so_that_a_work_is_not_copied_in_slices(database: Database) -> None:
    place(database, "1-15")
    with pytest.raises(Conflict, match="此前已复制 15 页"):
        place(database, "16-25", visitor="v_2")


def test_a_cancelled_request_counts_no_longer(database: Database) -> None:
    number = place(database, "1-15")
    with database.begin() as session:
        requests.cancel(session, number, actor=actor_of_visitor("v_1"), rules=RULES)
    place(database, "16-30")


def test_pages_add_up_over_browsers_members_and_records_of_the_same_book(database: Database) -> None:
    one = ItemRef(id="r1", title="地方志编纂", isbn="7-5325-5940-8", holdings=(HoldingRef(member="city"),))
    other = ItemRef(id="r2", title="地方志的编纂", isbn="9787532559404", holdings=(HoldingRef(member="city"),))
    assert work_of(one, "").isbn == work_of(ItemRef(id="r3", title="x", isbn="7532559408"), "").isbn
    act(database, place(database, "1-15", found=one), "deliver")
    with pytest.raises(Conflict, match="此前已复制 15 页"):
        place(
            database,
            "1-6",
            found=ItemRef(id="r4", title="地方志编纂", holdings=one.holdings),
            visitor="v_2",
            member="college",
        )
    place(database, "16-25", visitor="v_3", contact="b@example.org", found=other)


def test_a_share_of_the_whole_is_a_limit_too(database: Database) -> None:
    booklet = ItemRef(id="r5", title="小册子", extent="iv, 60 p. ; 19 cm", holdings=(HoldingRef(member="city"),))
    with pytest.raises(Conflict, match="6 页（全书 60 页的 10%）"):
        place(database, "1-7", found=booklet)
    number = place(database, "1-6", found=booklet)
    with pytest.raises(Conflict, match="占全书 50%"):
        act(database, number, "deliver", share=0.5)
    act(database, number, "deliver")


def test_what_the_supplier_uploads_decides(database: Database) -> None:
    number = place(database, "第三章")
    with pytest.raises(Conflict):
        act(database, number, "deliver", pages=21)
    act(database, number, "deliver", pages=20)
    with database.read() as session:
        entry = copyright_store.entry(session, number)
        assert entry is not None
        assert (entry.state, entry.pages) == ("supplied", 20)


def test_an_unusable_copy_does_not_count_twice(database: Database) -> None:
    number = place(database, "1-12")
    act(database, number, "deliver", pages=12)
    act(database, number, "report_problem", "county-b", reason="缺页")
    act(database, number, "deliver", pages=12)


def test_members_may_have_their_own_limits(database: Database) -> None:
    with pytest.raises(Conflict, match="至多复制 8 页"):
        place(database, "1-9", member="county-a")


def test_of_a_journals_issue_only_so_many_articles(database: Database) -> None:
    journal = ItemRef(id="j1", title="图书馆论坛", issn="1002-1167", holdings=(HoldingRef(member="city"),))
    for pages in ("2023年第5期 1-5页", "2023年第5期 6-9页"):
        place(database, pages, found=journal)
    with pytest.raises(Conflict, match="同一期"):
        place(database, "2023年第5期 10-12页", found=journal)
    place(database, "2023年第6期 1-5页", found=journal)


def test_issues_are_read_from_what_patrons_write() -> None:
    assert issue_of("图书馆论坛, 2023, 43(5): 12-18") == issue_of("2023年第05期") == "2023/5"
    assert issue_of("第三章") == ""


def test_the_ledger_outlives_the_contact_and_is_forgotten_after_its_period(database: Database) -> None:
    number = place(database, "1-15")
    act(database, number, "deliver", pages=15)
    with database.begin() as session:
        store.erase_patron(session, number, now())
    with pytest.raises(Conflict, match="此前已复制 15 页"):
        place(database, "16-25", visitor="v_2")
    with database.begin() as session:
        entry = session.get(CopyRow, number)
        assert entry is not None
        assert "example" not in entry.patron_key
        entry.at = now() - timedelta(days=366)
    with database.begin() as session:
        assert LEDGER.forget(session) == 1
    place(database, "16-25", visitor="v_2")


def test_the_policy_is_a_file_that_is_checked(tmp_path: Path) -> None:
    packaged = load_policy()
    assert packaged.default == CopyrightLimits()
    own = tmp_path / "policy.toml"
    own.write_text("[default]\nmax_pages = 50\n[members.city]\nmax_share = 0.2\n", encoding="utf-8")
    policy = load_policy(own)
    assert (policy.of("city").max_pages, policy.of("city").max_share, policy.of("x").max_share) == (50, 0.2, 0.1)


@pytest.mark.parametrize("text", ["[default]\nmax_page = 3\n", "[default]\nmax_share = 10\n", "default = 3\n", "[["])
def test_a_wrong_policy_is_named_with_its_place(tmp_path: Path, text: str) -> None:
    own = tmp_path / "policy.toml"
    own.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"policy\.toml"):
        load_policy(own)
