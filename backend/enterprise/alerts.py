"""Topic alerts (定题服务) and followed standards: what a branch wants to be told, and the worker's step that finds it.

The step is safe to repeat and to race: an alert is told once (unique by its source and what it says), and a topic's
mark moves by a guarded update in the same transaction as its alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.core.access import PUBLIC
from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError, NotFound
from backend.core.ids import new_id
from backend.enterprise import profile, store
from backend.enterprise.library import ChangedItem, Changes, Shelf
from backend.enterprise.models import AlertRow, TopicRow, WatchRow
from backend.enterprise.profile import Tokens
from backend.enterprise.standards import Standard, status_on
from backend.enterprise.values import Alert, Topic, Watch

MAX_TOPICS = 20
MAX_WATCHES = 200
KINDS = {"standard": "标准", "news": "产业资讯", "research": "科研成果", "catalogue": "图书"}
"""Kinds that a topic may follow, as the page names them."""

Shelves = Callable[[str], Shelf]
"""The shelf of a branch."""


def add_topic(
    session: Session, branch: str, *, name: str, query: str, kinds: Sequence[str] = (), head: int
) -> Topic:  # fmt: skip
    """Follow a topic from the catalogue's revision ``head`` on.

    :raises InputError: without words, for an unknown kind, or beyond the limit; :raises Conflict: for a taken name.
    """
    name, query = name.strip()[:120], query.strip()[:500]
    if not profile.parse(query).groups:
        raise InputError("请填写主题词。")
    if unknown := sorted(set(kinds) - set(KINDS)):
        raise InputError(f"没有这样的文献类型：{unknown[0][:40]}")
    if len(store.topics(session, branch)) >= MAX_TOPICS:
        raise InputError(f"最多建立 {MAX_TOPICS} 个主题。")
    name = name or query[:40]
    if store.topic_named(session, branch, name):
        raise Conflict(f"已经有名为“{name}”的主题。")
    row = TopicRow(
        id=new_id("to_"), branch=branch, name=name, query=query, kinds=sorted(set(kinds)), seen_revision=head,
        created_at=now(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    return store.topic(row)


def remove_topic(session: Session, branch: str, topic_id: str) -> None:
    """:raises NotFound: when the branch has no such topic."""
    if not store.remove_topic(session, branch, topic_id):
        raise NotFound("没有这个主题。")


def follow(session: Session, branch: str, standard: Standard, *, status: str, today: date) -> Watch:
    """Follow a standard, from the state in which it is now (repeating changes nothing).

    :raises InputError: beyond the limit.
    """
    row = store.watch_row(session, branch, standard.number)
    if row is None:
        if len(store.watches(session, branch)) >= MAX_WATCHES:
            raise InputError(f"最多关注 {MAX_WATCHES} 项标准。")
        row = WatchRow(
            id=new_id("wa_"), branch=branch, number=standard.number, known={**standard.facts(), "status": status},
            checked_on=today, created_at=now(),
        )  # fmt: skip
        session.add(row)
        session.flush()
    return Watch(id=row.id, branch=branch, number=row.number, known=row.known)


def unfollow(session: Session, branch: str, watch_id: str) -> None:
    """:raises NotFound: when the branch does not follow it."""
    if not store.remove_watch(session, branch, watch_id):
        raise NotFound("没有关注这项标准。")


def inbox(session: Session, branch: str, *, limit: int = 50) -> list[Alert]:
    return store.alerts(session, branch, limit=limit)


def find_news(database: Database, changes: Changes, shelves: Shelves, tokens: Tokens, *, today: date) -> int:
    """The worker's step: new alerts for every branch. Returns how many were written."""
    return topics_step(database, changes, tokens) + standards_step(database, shelves, today=today)


def topics_step(database: Database, changes: Changes, tokens: Tokens) -> int:
    """Look at what changed since each topic's mark."""
    with database.read() as session:
        topics = store.topics(session)
    head = changes.head()
    behind = [topic for topic in topics if topic.seen_revision < head]
    if not behind:
        return 0
    found: dict[str, list[ChangedItem]] = {topic.id: [] for topic in behind}
    parsed = {topic.id: profile.parse(topic.query) for topic in behind}
    for item in changes.after(min(topic.seen_revision for topic in behind)):
        for topic in behind:
            if _concerns(topic, item, head) and parsed[topic.id].fits(f"{item.title}\n{item.text}", tokens):
                found[topic.id].append(item)
    return sum(_tell_topic(database, topic, found[topic.id], head) for topic in behind)


def _concerns(topic: Topic, item: ChangedItem, head: int) -> bool:
    allowed = item.audience in (PUBLIC, f"branch:{topic.branch}")
    wanted = item.kind in (topic.kinds or KINDS)
    return allowed and wanted and topic.seen_revision < item.revision <= head


def _tell_topic(database: Database, topic: Topic, items: Iterable[ChangedItem], head: int) -> int:
    told = 0
    with database.begin() as session:
        if not store.advance_topic(session, topic.id, seen=topic.seen_revision, to=head):
            return 0  # another worker was quicker
        for item in items:
            told += _tell(
                session, topic.branch, kind="topic", source=topic.id, fingerprint=item.id, item_id=item.id,
                title=item.title, text=f"主题“{topic.name}”有新的{KINDS.get(item.kind, '文献')}。",
            )  # fmt: skip
    return told


def standards_step(database: Database, shelves: Shelves, *, today: date) -> int:
    """Compare every followed standard with what was last told about it."""
    with database.read() as session:
        watches = store.watches(session)
    told = 0
    for watch in watches:
        shelf = shelves(watch.branch)
        standard = shelf.standard(watch.number)
        if standard is None:
            continue  # no longer in a collection that the branch sees: nothing is claimed
        facts = {**standard.facts(), "status": status_on(standard, today, shelf.standard)}
        if facts != dict(watch.known):
            told += _tell_standard(database, watch, standard, facts, today)
    return told


def _tell_standard(database: Database, watch: Watch, standard: Standard, facts: dict[str, object], today: date) -> int:
    with database.begin() as session:
        told = _tell(
            session, watch.branch, kind="standard", source=watch.id, fingerprint=_fingerprint(facts),
            item_id=standard.item_id, title=f"{standard.number} {standard.title}",
            text=difference(watch.known, facts),
        )  # fmt: skip
        store.know_watch(session, watch.id, facts, day=today)
    return told


def difference(before: object, after: dict[str, object]) -> str:
    """What changed, in words."""
    old = dict(before) if isinstance(before, dict) else {}
    parts = []
    if old.get("status") != after["status"]:
        parts.append(f"状态由“{old.get('status') or '未知'}”变为“{after['status']}”")
    if old.get("effective") != after["effective"] and after["effective"]:
        parts.append(f"实施日期为 {after['effective']}")
    newer = after["replaced_by"]
    if old.get("replaced_by") != newer and isinstance(newer, list) and newer:
        parts.append(f"由 {'、'.join(newer)} 代替")
    return ("；".join(parts) or "题录有更新") + "。"


def _fingerprint(facts: dict[str, object]) -> str:
    replaced = facts["replaced_by"]
    return f"{facts['status']}|{facts['effective']}|{','.join(replaced) if isinstance(replaced, list) else ''}"[:120]


def _tell(
    session: Session, branch: str, *, kind: str, source: str, fingerprint: str, item_id: str, title: str, text: str
) -> int:
    if store.has_alert(session, source, fingerprint):
        return 0
    row = AlertRow(
        id=new_id("al_"), branch=branch, kind=kind, source=source, fingerprint=fingerprint, item_id=item_id,
        title=title, text=text, created_at=now(),
    )  # fmt: skip
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:  # told by another worker in the meantime
        return 0
    return 1
