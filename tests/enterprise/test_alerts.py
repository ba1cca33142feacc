"""Topics, followed standards, and the step that finds what is new."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import pytest

from backend.core.db import Database
from backend.core.errors import InputError
from backend.core.jobs import Runner
from backend.enterprise import alerts, profile, step
from backend.enterprise.library import ChangedItem, Shelf
from backend.enterprise.standards import Standard, chain, standard_of, status_on
from backend.enterprise.values import Alert
from backend.search.engine import SearchEngine
from indexer.tokens import Tokeniser

TODAY = date(2026, 11, 24)
TOKENS = Tokeniser().tokens


class Changed:
    """The catalogue's changes, held in memory."""

    def __init__(self) -> None:
        self.items: list[ChangedItem] = []

    def add(self, item_id: str, title: str, *, audience: str = "public", kind: str = "news") -> None:
        revision = len(self.items) + 1
        self.items.append(
            ChangedItem(id=item_id, kind=kind, title=title, text="", audience=audience, revision=revision)
        )

    def head(self) -> int:
        return len(self.items)

    def after(self, revision: int) -> Iterable[ChangedItem]:
        return [item for item in self.items if item.revision > revision]


@pytest.mark.parametrize(
    ("query", "text", "fits"),
    [
        ("动力电池 热扩散|底部撞击", "动力电池包底部撞击试验", True),
        ("动力电池 热扩散|底部撞击", "动力电池回收", False),
        ("動力電池", "动力电池", True),
        ("GB/T 39116", "依据 GB/T 39116-2020 自评", True),
        ("陶瓷", "陶器与瓷器", False),
        ("", "任何文字", False),
        ("|", "任何文字", False),
    ],
)
def test_a_profile_fits_when_every_group_occurs(query: str, text: str, fits: bool) -> None:
    assert profile.parse(query).fits(text, TOKENS) is fits


def _topic(database: Database, query: str = "陶瓷", *, kinds: tuple[str, ...] = (), head: int = 0) -> None:
    with database.begin() as session:
        alerts.add_topic(session, "ACME", name="", query=query, kinds=kinds, head=head)


def _inbox(database: Database) -> list[Alert]:
    with database.read() as session:
        return alerts.inbox(session, "ACME")


def test_a_topic_is_told_each_new_item_once(database: Database) -> None:
    changes = Changed()
    changes.add("old", "陶瓷旧闻")
    _topic(database, head=1)
    changes.add("new", "陶瓷新闻")
    changes.add("else", "纺织新闻")
    assert alerts.topics_step(database, changes, TOKENS) == 1
    assert alerts.topics_step(database, changes, TOKENS) == 0
    changes.add("new", "陶瓷新闻（更正）")
    assert alerts.topics_step(database, changes, TOKENS) == 0
    assert [alert.item_id for alert in _inbox(database)] == ["new"]


def test_a_topic_is_told_nothing_of_other_branches_staff_or_kinds(database: Database) -> None:
    changes = Changed()
    _topic(database, kinds=("news",))
    changes.add("a", "陶瓷", audience="branch:OTHER")
    changes.add("b", "陶瓷", audience="staff")
    changes.add("c", "陶瓷", kind="research")
    changes.add("d", "陶瓷", audience="branch:ACME")
    alerts.topics_step(database, changes, TOKENS)
    assert [alert.item_id for alert in _inbox(database)] == ["d"]


def test_topics_need_words_known_kinds_and_have_a_limit(database: Database) -> None:
    for query, kinds in (("", ()), (" | ", ()), ("陶瓷", ("policy",))):
        with pytest.raises(InputError):
            _topic(database, query, kinds=kinds)
    for number in range(alerts.MAX_TOPICS):
        _topic(database, f"陶瓷{number}")
    with pytest.raises(InputError):
        _topic(database, "再一个")


def test_a_followed_standard_is_told_when_its_replacement_comes_into_force(
    database: Database, engine: SearchEngine
) -> None:
    shelf = Shelf(engine, "ACME")
    standard = shelf.standard("GB 1-2011")
    assert standard is not None
    with database.begin() as session:
        alerts.follow(session, "ACME", standard, status=status_on(standard, TODAY, shelf.standard), today=TODAY)
    assert alerts.standards_step(database, lambda code: Shelf(engine, code), today=TODAY) == 0
    later = date(2030, 1, 1)
    assert alerts.standards_step(database, lambda code: Shelf(engine, code), today=later) == 1
    assert alerts.standards_step(database, lambda code: Shelf(engine, code), today=later) == 0
    (told,) = _inbox(database)
    assert told.text == "状态由“现行”变为“废止”。"


def test_the_workers_step_runs_and_is_due_again(database: Database, engine: SearchEngine) -> None:
    changes = Changed()
    _topic(database)
    changes.add("new", "陶瓷新闻")
    runner = Runner(database, step.handlers(database, changes, lambda code: Shelf(engine, code), TOKENS))
    assert runner.drain() == 1
    assert [alert.item_id for alert in _inbox(database)] == ["new"]
    changes.add("next", "又一条陶瓷新闻")
    assert runner.drain(moment=step.now() + step.EVERY * 2, limit=1) == 1
    assert {alert.item_id for alert in _inbox(database)} == {"new", "next"}


def _standard(number: str, **facts: object) -> Standard:
    return standard_of(number, number, f"{number} 名称", facts)


def test_a_chain_that_runs_in_a_circle_or_leads_nowhere_ends() -> None:
    shelf = {
        "A-2001": _standard("A-2001", replaced_by=["B-2002", "gone"]),
        "B-2002": _standard("B-2002", replaces=["A-2001"], replaced_by=["A-2001"]),
    }
    assert [one.number for one in chain(shelf["A-2001"], shelf.get)] == ["A-2001", "B-2002"]


@pytest.mark.parametrize(
    ("facts", "day", "expected"),
    [
        ({"status": "即将实施", "effective_date": "2027-03-16"}, date(2027, 3, 15), "即将实施"),
        ({"status": "即将实施", "effective_date": "2027-03-16"}, date(2027, 3, 16), "现行"),
        ({"status": "即将实施"}, date(2027, 3, 16), "即将实施"),
        ({"status": "现行", "replaced_by": ["N-2027"]}, date(2027, 3, 15), "现行"),
        ({"status": "现行", "replaced_by": ["N-2027"]}, date(2027, 3, 16), "废止"),
        ({"status": "现行", "replaced_by": ["unknown"]}, date(2027, 3, 16), "现行"),
        ({"status": "废止"}, date(2027, 3, 16), "废止"),
        ({"status": "有效？", "effective_date": "soon"}, date(2027, 3, 16), "未核实"),
    ],
)
def test_the_state_of_a_day_follows_from_the_dates(facts: dict[str, object], day: date, expected: str) -> None:
    newer = _standard("N-2027", status="即将实施", effective_date="2027-03-16")
    assert status_on(_standard("X-2000", **facts), day, {"N-2027": newer}.get) == expected
