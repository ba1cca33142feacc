"""Notices over a real mail server that refuses, stalls and cuts; their words from templates."""

from __future__ import annotations

import asyncio
import email
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select

from backend.core.db import Database, now
from backend.core.errors import ConfigurationError
from backend.core.jobs import MAX_ATTEMPTS, JobRow, RetryLater, Runner
from backend.delivery import counter_store, requests, steps, store
from backend.delivery.letters import STANDARD, Letters, Link
from backend.delivery.mail import SmtpMailer, Undeliverable, address_in
from backend.delivery.models import NoticeRow
from tests.delivery.library import PATRON, RULES, draft, item, staff_actor

SUBJECT = "【已送达】经济 改革 进程中 的 中国 农业 A study of library consortia in the south of China（LW-D5PJ-HAK3G）"
LETTER = STANDARD.frame(SUBJECT, "第一行\n第二行", None)


class Box:
    """Takes mail, or does what ``answer`` says (an SMTP reply; "cut" closes the line)."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.answer = ""
        self.at = "RCPT"

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.answer and self.at == "RCPT":
            return await self._fault(server)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        if self.answer and self.at == "DATA":
            return await self._fault(server)
        made = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(made, EmailMessage)
        made["X-Recipients"] = ",".join(envelope.rcpt_tos)
        self.taken.append(made)
        return "250 OK"

    async def _fault(self, server: Any) -> str:
        if self.answer == "cut":
            server.transport.abort()
            await asyncio.sleep(0)
        return self.answer


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def mailer(box: Box) -> Iterator[SmtpMailer]:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    server = Controller(box, hostname="127.0.0.1", port=port)
    server.start()
    yield SmtpMailer(url=f"smtp://127.0.0.1:{port}", sender="联问 <lianwen@lib.example>", timeout=5)
    server.stop()


def send(mailer: SmtpMailer, to: str = "li@example.org") -> None:
    mailer.send(notice_id="n_1", to=to, letter=LETTER)


def test_a_letter_arrives_as_text_and_html_with_a_lasting_id(box: Box, mailer: SmtpMailer) -> None:
    send(mailer)
    send(mailer)
    first, again = box.taken
    assert first["Message-ID"] == again["Message-ID"] == "<n_1@lib.example>"
    assert (first["To"], first["Subject"], first["Auto-Submitted"]) == (
        "li@example.org",
        SUBJECT,
        "auto-generated",
    )
    assert first["From"] == "联问 <lianwen@lib.example>"
    plain, html = first.get_body(("plain",)), first.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["第一行", "第二行"]
    assert "<p" in html.get_content()


@pytest.mark.parametrize(
    ("at", "answer", "expected"),
    [
        ("RCPT", "550 no such user", Undeliverable),
        ("RCPT", "450 busy", RetryLater),
        ("DATA", "554 refused", Undeliverable),
        ("DATA", "451 later", RetryLater),
        ("DATA", "cut", RetryLater),
        ("RCPT", "cut", RetryLater),
    ],
)
def test_what_may_pass_is_told_from_what_never_will(
    box: Box, mailer: SmtpMailer, at: str, answer: str, expected: type[Exception]
) -> None:
    box.at, box.answer = at, answer
    with pytest.raises(expected):
        send(mailer)
    assert box.taken == []


def test_a_server_that_is_away_is_tried_later() -> None:
    with pytest.raises(RetryLater):
        send(SmtpMailer(url="smtp://127.0.0.1:1", sender="a@lib.example", timeout=1))


@pytest.mark.parametrize(("url", "sender"), [("http://x", "a@b.org"), ("smtp://", "a@b.org"), ("smtp://x", "nobody")])
def test_wrong_settings_are_named(url: str, sender: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LIANWEN_(SMTP_URL|MAIL_FROM)"):
        SmtpMailer(url=url, sender=sender)


@pytest.mark.parametrize(
    ("contact", "address"),
    [
        ("13800000000", ""),
        ("李 <li@example.org>", "li@example.org"),
        ("a@b.org, c@d.org", "a@b.org"),
        ("a@b.org\r\nBcc: evil@d.org", "a@b.org"),
        ("a@b.org%0aBcc:x@y.org", "a@b.org"),
        ("a@b@c.org", "b@c.org"),
        ("微信 abc@", ""),
        ("x" * 200 + "@" + "y" * 200, ""),
    ],
)
def test_one_address_is_taken_from_a_contact_and_nothing_else(contact: str, address: str) -> None:
    found = address_in(contact)
    assert found == address or (contact.startswith("a@b@") and "\n" not in found and "," not in found)


def test_no_header_comes_from_a_title(database: Database, box: Box, mailer: SmtpMailer) -> None:
    with database.begin() as session:
        asked = draft(item("city", title="题名\r\nBcc: evil@example.org\r\n\r\n<script>x()</script>"))
        requests.place(session, asked, actor=PATRON, rules=RULES, visitor_id="v_1")
    Runner(database, steps.handlers(database, RULES, mailer)).drain()
    letter = next(each for each in box.taken if each["X-Recipients"] == "reader@example.org")
    assert letter["Bcc"] is None
    html = letter.get_body(("html",))
    assert html is not None
    assert "<script>" not in html.get_content()
    assert "&lt;script&gt;" in html.get_content()
    assert {each["X-Recipients"] for each in box.taken} <= {"reader@example.org", "city@example.org"}


def test_a_notice_refused_for_good_is_shown_and_can_be_sent_again(
    database: Database, box: Box, mailer: SmtpMailer
) -> None:
    box.answer = "550 no such user"
    with database.begin() as session:
        number = requests.place(session, draft(item("city")), actor=PATRON, rules=RULES, visitor_id="v_1").number
    runner = Runner(database, steps.handlers(database, RULES, mailer))
    runner.drain()
    with database.read() as session:
        theirs = counter_store.failed_notices(session, "county-b")
        assert [(notice.number, notice.recipient) for notice in theirs] == [(number, "patron")]
        assert "550" in theirs[0].error
        assert [notice.recipient for notice in counter_store.failed_notices(session, "city")] == ["city"]
        assert counter_store.failed_notices(session, "college") == []


def test_a_server_that_stays_away_is_given_up_and_shown(database: Database) -> None:
    with database.begin() as session:
        requests.place(session, draft(item("city")), actor=PATRON, rules=RULES, visitor_id="v_1")
    away = SmtpMailer(url="smtp://127.0.0.1:1", sender="a@lib.example", timeout=1)
    runner = Runner(database, steps.handlers(database, RULES, away))
    for _ in range(MAX_ATTEMPTS):
        with database.begin() as session:
            for job in session.scalars(select(JobRow).where(JobRow.kind == "delivery.notice")):
                job.due_at = now()
        runner.drain()
    with database.read() as session:
        states = {notice.state for notice in session.scalars(select(NoticeRow))}
        assert states == {"failed"}
        assert session.scalars(select(JobRow).where(JobRow.kind == "delivery.notice")).all() == []


def test_a_visitor_is_shown_once_what_others_did(database: Database) -> None:
    with database.begin() as session:
        number = requests.place(session, draft(item("city")), actor=PATRON, rules=RULES, visitor_id="v_1").number
    with database.begin() as session:
        assert store.take_notices_of_visitor(session, "v_1", now()) == []
        requests.move(session, number, "accept", actor=staff_actor("city"), rules=RULES)
    with database.begin() as session:
        assert store.take_notices_of_visitor(session, "v_2", now()) == []
        assert [notice.number for notice in store.take_notices_of_visitor(session, "v_1", now())] == [number]
    with database.begin() as session:
        assert store.take_notices_of_visitor(session, "v_1", now()) == []


def test_a_patron_at_the_counter_is_written_to(database: Database, box: Box, mailer: SmtpMailer) -> None:
    with database.begin() as session:
        requests.place(session, draft(item("city")), actor=staff_actor("county-b"), rules=RULES)
    Runner(database, steps.handlers(database, RULES, mailer)).drain()
    assert {each["X-Recipients"] for each in box.taken} == {"reader@example.org", "city@example.org"}


def test_own_templates_replace_the_packaged_ones(tmp_path: Path) -> None:
    (tmp_path / "patron.delivered.txt").write_text("到了：{{ title }}\n请下载 {{ number }}。\n", encoding="utf-8")
    letters = Letters(tmp_path)
    assert letters.write("patron", "delivered", {"title": "甲", "number": "LW-1"}) == ("到了：甲", "请下载 LW-1。")
    assert letters.write("patron", "shipped", {"title": "甲", "state": "运送中"})[0] == "【运送中】甲"


@pytest.mark.parametrize("text", ["{{ nosuch }}", "{% if %}", "{{ ''.__class__.__mro__ }}", "{{ title"])
def test_a_wrong_template_is_named_when_it_is_loaded(tmp_path: Path, text: str) -> None:
    (tmp_path / "patron.txt").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"patron\.txt"):
        Letters(tmp_path)


def test_the_link_stands_in_text_and_html() -> None:
    letter = STANDARD.frame("主题", "正文", Link(url="https://x.example/d/abc", until="2026-12-01 08:00", remaining=3))
    assert "https://x.example/d/abc" in letter.text
    assert 'href="https://x.example/d/abc"' in letter.html
    assert "还可下载 3 次" in letter.text
