"""From a supplier's upload to the reader's download, and every way in which a link may not work."""

from __future__ import annotations

import base64
import dataclasses
import io
import os
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pypdf import PdfReader
from sqlalchemy import select

from backend.core.access import Staff
from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError, NotFound, Unauthenticated
from backend.core.http import Gate, install_error_handlers
from backend.core.jobs import Runner
from backend.core.limits import InProcessLimiter, Unlimited
from backend.core.middleware import BodyLimit
from backend.core.tokens import VisitorTokens
from backend.delivery import download_routes, requests, steps, upload_routes
from backend.delivery.copyright import CopyrightLedger
from backend.delivery.counter import Counter
from backend.delivery.file_models import FileRow, LinkRow
from backend.delivery.handover import Handover, Terms
from backend.delivery.models import NoticeRow, RequestRow
from backend.delivery.rules import Rules
from backend.delivery.shelf import FileShelf
from backend.delivery.values import DownloadView
from backend.delivery.views import Viewer, actor_of_staff
from tests.delivery import uploads
from tests.delivery.library import PATRON, draft, item, librarian
from tests.delivery.readers import NoBranches, Shelf
from tests.delivery.test_steps import Post

KEY = "a signing key of some length for tests"
Write = Callable[[bytes], Path]


@pytest.fixture
def handover(database: Database, tmp_path: Path) -> Handover:
    shelf = FileShelf(directory=tmp_path / "deliveries", max_bytes=2 * 1024 * 1024, max_pages=40)
    return Handover(
        database=database, shelf=shelf, key=KEY, public_url="https://lib.example/", terms=Terms(downloads=2)
    )


@pytest.fixture
def rules(handover: Handover) -> Rules:
    return Rules(
        open_limit=None, copyright=CopyrightLedger(key=KEY), download=handover.download, withdraw=handover.withdraw,
        letter_link=handover.letter_link,
    )  # fmt: skip


@pytest.fixture
def counter(database: Database, rules: Rules, handover: Handover) -> Counter:
    return Counter(database=database, rules=rules, handover=handover, lookup=Shelf())


class Accounts:
    """One librarian's account."""

    def verify(self, username: str, password: str) -> Staff:
        if (username, password) != ("city", "right:password"):
            raise Unauthenticated("用户名或密码不正确。")
        return librarian("city")


class NoStaff:
    def session(self, cookie: str) -> None:
        return None


@pytest.fixture
def client(counter: Counter, handover: Handover) -> TestClient:
    app = FastAPI()
    app.state.gate = Gate(
        tokens=VisitorTokens(KEY, ttl=60), limiter=Unlimited(), staff=NoStaff(), branches=NoBranches()
    )
    install_error_handlers(app)
    app.include_router(upload_routes.router(counter, Accounts()))
    app.include_router(download_routes.router(handover))
    app.add_middleware(BodyLimit, limit=1000, larger={r"/api/delivery/requests/[^/]+/file": 3 * 1024 * 1024})
    return TestClient(app)


def placed(
    database: Database, rules: Rules, *, pages: str = "1-3", delivery: str = "electronic", holders: str = "city"
) -> str:
    with database.begin() as session:
        asked = draft(item(*holders.split()), service="copy", pages=pages, delivery=delivery)
        return requests.place(session, asked, actor=PATRON, rules=rules, visitor_id="v_1").number


def supply(counter: Counter, number: str, content: bytes, *, member: str = "city", **more: Any) -> dict[str, Any]:
    with counter.incoming() as path:
        path.write_bytes(content)
        return counter.supply(number, path, staff=librarian(member), **more)


def reader_view(database: Database, rules: Rules, number: str) -> DownloadView:
    with database.read() as session:
        download = requests.view(session, number, viewer=Viewer(visitor_id="v_1"), rules=rules).download
    assert download is not None
    return download


def token_of(view: DownloadView) -> str:
    assert view.url.startswith("https://lib.example/d/")
    return view.url.rpartition("/")[2]


def files(handover: Handover) -> list[Path]:
    return [path for path in handover.shelf.directory.rglob("*") if path.is_file()]


@pytest.fixture
def delivered(database: Database, rules: Rules, counter: Counter) -> str:
    number = placed(database, rules)
    supply(counter, number, uploads.pdf(3))
    return number


def test_the_reader_gets_a_stamped_file_twice_and_no_third_time(
    database: Database, rules: Rules, client: TestClient, delivered: str
) -> None:
    view = reader_view(database, rules, delivered)
    token = token_of(view)
    assert view.remaining == 2
    for _ in range(3):  # a mail scanner looks as often as it likes
        assert client.head(f"/d/{token}").status_code == 200
        page = client.get(f"/d/{token}")
        assert "还可下载" in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
    first = client.post(f"/d/{token}")
    assert first.status_code == 200
    assert f"申请号 {delivered}" in PdfReader(io.BytesIO(first.content)).pages[2].extract_text()
    assert first.headers["content-disposition"].startswith(f'attachment; filename="{delivered}.pdf"; filename*=UTF-8')
    assert first.headers["cache-control"] == "no-store, private"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert first.headers["content-security-policy"].startswith("sandbox")
    assert reader_view(database, rules, delivered).remaining == 1
    assert client.post(f"/d/{token}").status_code == 200
    assert client.post(f"/d/{token}").status_code == 404
    assert client.get(f"/d/{token}").status_code == 404


def test_every_link_that_does_not_work_gets_the_same_answer(
    database: Database, rules: Rules, client: TestClient, counter: Counter, delivered: str
) -> None:
    token = token_of(reader_view(database, rules, delivered))
    answers = {client.get(f"/d/{guess}").text for guess in ("x", "A" * 43, token[:-1], token.swapcase(), "%00", "é")}
    with database.begin() as session:
        session.scalars(select(LinkRow)).one().expires_at = now() - timedelta(seconds=1)
    answers.add(client.get(f"/d/{token}").text)
    answers.add(client.post(f"/d/{token}").text)
    counter.renew_link(delivered, staff=librarian("city"))
    fresh = token_of(reader_view(database, rules, delivered))
    assert fresh != token
    assert client.get(f"/d/{fresh}").status_code == 200
    counter.revoke(delivered, staff=librarian("county-b"))
    answers |= {client.get(f"/d/{each}").text for each in (fresh, token)}
    assert len(answers) == 1
    assert delivered not in answers.pop()


def test_the_database_alone_opens_no_link(database: Database, rules: Rules, delivered: str) -> None:
    token = token_of(reader_view(database, rules, delivered))
    with database.read() as session:
        link = session.scalars(select(LinkRow)).one()
        stored = " ".join(str(value) for value in vars(link).values())
        notices = " ".join(f"{notice.subject} {notice.body}" for notice in session.scalars(select(NoticeRow)))
    assert token not in stored
    assert token not in notices


def test_guessing_is_slowed_down(client: TestClient, delivered: str) -> None:
    client.app.state.gate.limiter = InProcessLimiter()  # type: ignore[attr-defined]
    assert {client.get(f"/d/{guess}").status_code for guess in range(40)} == {404, 429}


def test_revoking_deletes_the_file_and_stops_both_librarians(
    database: Database, rules: Rules, counter: Counter, handover: Handover, delivered: str
) -> None:
    assert len(files(handover)) == 1
    assert counter.file(delivered, staff=librarian("county-b")).is_file()
    counter.revoke(delivered, staff=librarian("city"))
    assert files(handover) == []
    with pytest.raises(NotFound):
        counter.file(delivered, staff=librarian("city"))
    with database.read() as session:
        view = requests.view(session, delivered, viewer=Viewer(visitor_id="v_1"), rules=rules)
    assert view.download is None
    assert view.history[-1].text == "下载文件已由图书馆收回。"


@pytest.mark.parametrize("action", ["file", "renew_link", "revoke"])
def test_a_library_that_has_nothing_to_do_with_it_finds_nothing(counter: Counter, delivered: str, action: str) -> None:
    with pytest.raises(NotFound):
        getattr(counter, action)(delivered, staff=librarian("county-a"))


def test_the_file_is_deleted_after_its_term(
    database: Database, rules: Rules, handover: Handover, client: TestClient, delivered: str
) -> None:
    token = token_of(reader_view(database, rules, delivered))
    worker = Runner(database, handover.handlers())
    worker.drain()
    assert len(files(handover)) == 1
    with database.begin() as session:
        session.scalars(select(FileRow)).one().expires_at = now() - timedelta(seconds=1)
    assert client.post(f"/d/{token}").status_code == 404
    handover.begin_sweeping()
    worker.drain()
    assert files(handover) == []


def test_what_a_crash_left_is_swept_and_what_is_delivered_stays(handover: Handover, delivered: str) -> None:
    orphan = handover.shelf.directory / "orphan.pdf"
    orphan.write_bytes(b"%PDF-")
    kept = [path for path in files(handover) if path != orphan]
    for path in files(handover):
        os.utime(path, (time.time() - 7200,) * 2)
    handover.begin_sweeping()
    Runner(handover.database, handover.handlers()).drain()
    assert files(handover) == kept


def test_a_refused_file_changes_nothing(database: Database, rules: Rules, counter: Counter, handover: Handover) -> None:
    number = placed(database, rules)
    before = requests_state(database)
    for content in (b"MZ program", b"<html>", uploads.locked_pdf(), uploads.pdf(9)):
        with pytest.raises(InputError):
            supply(counter, number, content)
    assert requests_state(database) == before
    assert files(handover) == []


def requests_state(database: Database) -> list[tuple[str, int]]:
    with database.read() as session:
        return [(row.state, row.version) for row in session.scalars(select(RequestRow))]


def test_another_number_of_pages_must_be_looked_at(database: Database, rules: Rules, counter: Counter) -> None:
    number = placed(database, rules, pages="1-5")
    with pytest.raises(InputError, match="上传的文件有 3 页，申请的是 1-5（5 页）"):
        supply(counter, number, uploads.pdf(3))
    assert supply(counter, number, uploads.pdf(3), pages_checked=True)["state"] == "delivered"


def test_more_pages_than_copyright_allows_are_refused_even_when_looked_at(
    database: Database, rules: Rules, counter: Counter, handover: Handover
) -> None:
    number = placed(database, rules, pages="第三章")
    with pytest.raises(Conflict, match="至多复制 30 页"):
        supply(counter, number, uploads.pdf(31), pages_checked=True)
    assert files(handover) == []


def test_an_electronic_copy_is_not_delivered_without_a_file(database: Database, rules: Rules) -> None:
    for delivery, works in (("electronic", False), ("pickup", True)):
        number = placed(database, rules, delivery=delivery, pages="1-2" if works else "1-3")
        with database.begin() as session:
            actor = actor_of_staff(librarian("city"))
            if works:
                assert requests.move(session, number, "deliver", actor=actor, rules=rules).state == "delivered"
            else:
                with pytest.raises(InputError, match="请上传文件"):
                    requests.move(session, number, "deliver", actor=actor, rules=rules)


def test_a_supplier_whose_turn_has_passed_uploads_in_vain(
    database: Database, rules: Rules, counter: Counter, handover: Handover
) -> None:
    number = placed(database, rules, holders="city college")
    with database.begin() as session:
        first = session.scalars(select(RequestRow.supplier)).one() or ""
        actor = actor_of_staff(librarian(first))
        requests.move(session, number, "decline", actor=actor, rules=rules, reason="破损")
    with pytest.raises(Conflict, match="已转给另一家"):
        supply(counter, number, uploads.pdf(3), member=first)
    assert files(handover) == []


def test_a_copy_that_was_reported_is_taken_back_and_delivered_anew(
    database: Database, rules: Rules, client: TestClient, counter: Counter, delivered: str
) -> None:
    old = token_of(reader_view(database, rules, delivered))
    with database.begin() as session:
        requests.move(session, delivered, "report_problem", actor=PATRON, rules=rules, reason="缺第 2 页")
    assert client.get(f"/d/{old}").status_code == 404
    supply(counter, delivered, uploads.pdf(3))
    assert client.post(f"/d/{token_of(reader_view(database, rules, delivered))}").status_code == 200


def test_the_mail_carries_the_link(database: Database, rules: Rules, delivered: str) -> None:
    post = Post()
    Runner(database, steps.handlers(database, rules, post)).drain()
    letters = [text for to, text in post.sent if to == "reader@example.org" and "/d/" in text]
    assert len(letters) == 1
    assert reader_view(database, rules, delivered).url in letters[0]
    assert "还可下载 2 次" in letters[0]


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_a_program_delivers_with_name_and_password(
    database: Database, rules: Rules, client: TestClient, handover: Handover
) -> None:
    number = placed(database, rules)
    place = f"/api/delivery/requests/{number}/file"
    assert client.post(place, content=uploads.pdf(3)).status_code == 401
    for headers in (basic("city", "wrong"), {"Authorization": "Basic ???"}, {"Authorization": "Basic bm9jb2xvbg=="}):
        assert client.post(place, content=uploads.pdf(3), headers=headers).status_code == 401
    assert (
        client.post("/api/delivery/requests/LW-2222-22222/file", headers=basic("city", "right:password")).status_code
        == 404
    )
    right = basic("city", "right:password")
    assert client.post(place, content=b"MZ", headers=right).json()["error"]["detail"]["reason"] == "type"
    done = client.post(place, content=uploads.pdf(3), headers=right)
    assert (done.status_code, done.json()["state"]) == (201, "delivered")
    assert done.json()["download"] is None
    assert client.post(place, content=uploads.pdf(3), headers=right).status_code == 409
    assert len(files(handover)) == 1


def test_half_a_gigabyte_is_cut_off(database: Database, rules: Rules, client: TestClient, handover: Handover) -> None:
    number = placed(database, rules)
    place, right = f"/api/delivery/requests/{number}/file", basic("city", "right:password")
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(500):
            sent += 1024 * 1024
            yield b"%PDF-" + b"0" * (1024 * 1024 - 5)

    declared = client.post(place, content=b"", headers=right | {"Content-Length": str(500 * 1024 * 1024)})
    assert declared.status_code == 413
    assert client.post(place, content=chunks(), headers=right).status_code == 413
    assert files(handover) == []


def test_terms_are_kept(handover: Handover, database: Database, rules: Rules, counter: Counter) -> None:
    assert dataclasses.asdict(Terms()) | {"notice": ""} == {
        "file_days": 30, "link_days": 14, "downloads": 5, "notice": ""
    }  # fmt: skip
    number = placed(database, rules)
    supply(counter, number, uploads.pdf(3))
    view = reader_view(database, rules, number)
    assert now() + timedelta(days=13) < view.expires_at <= now() + timedelta(days=14)
