"""The delivery board draws what delivery says; knowledge is published only after a second pair of eyes."""

from __future__ import annotations

from datetime import date

from backend.desk import knowledge
from tests.desk.conftest import House, csrf


def test_the_board_lists_requests_and_escapes_their_titles(house: House) -> None:
    page = house.client("he").get("/desk/requests").text
    assert "LW-1" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;地市级区域图书馆联盟建设研究" in page
    assert "需要处理" in page
    assert "&lt;i&gt;新申请&lt;/i&gt;" in page
    assert "没有需要" not in page


def test_a_request_shows_history_rota_and_its_buttons(house: House) -> None:
    page = house.client("he").get("/desk/requests/LW-1").text
    for expected in ("2026-03-01 08:30", "可外借；免费", "寄出", 'name="due"', 'name="version" value="3"'):
        assert expected in page
    assert house.client("he").get("/desk/requests/LW-9").status_code == 404


def test_a_button_moves_the_request(house: House) -> None:
    browser = house.client("he")
    token = csrf(browser.get("/desk/requests/LW-1").text)
    form = {"csrf_token": token, "version": "3", "due": "2026-04-01"}
    answer = browser.post("/desk/requests/LW-1/ship", data=form)
    assert answer.status_code == 303
    assert [(move.action, move.due) for move in house.board.moves] == [("ship", date(2026, 4, 1))]


def test_a_stale_page_a_wrong_date_and_a_forged_token_change_nothing(house: House) -> None:
    browser = house.client("he")
    token = csrf(browser.get("/desk/requests/LW-1").text)
    good = {"csrf_token": token, "version": "3", "due": "2026-04-01"}
    for wrong, status in (({"version": "2"}, 409), ({"due": "tomorrow"}, 422), ({"csrf_token": "x"}, 403)):
        assert browser.post("/desk/requests/LW-1/ship", data=good | wrong).status_code == status
    assert house.board.moves == []


def test_an_answer_is_published_after_a_colleague_approved_it(house: House) -> None:
    author, reviewer = house.client("lin"), house.client("wu")
    token = csrf(author.get("/desk/knowledge").text)
    form = {"csrf_token": token, "question": "<i>周末</i>开门吗？", "answer": "开。"}
    assert author.post("/desk/knowledge", data=form).status_code == 303
    page = reviewer.get("/desk/knowledge").text
    assert "&lt;i&gt;周末&lt;/i&gt;开门吗" in page
    entry = page.split('action="/desk/knowledge/')[1].split("/")[0]
    assert author.post(f"/desk/knowledge/{entry}/approve", data={"csrf_token": token}).status_code == 403
    assert house.knowledge.published == {}
    approved = {"csrf_token": csrf(page)}
    assert reviewer.post(f"/desk/knowledge/{entry}/approve", data=approved).status_code == 303
    assert [published.answer for published in house.knowledge.published.values()] == ["开。"]
    assert reviewer.post(f"/desk/knowledge/{entry}/approve", data=approved).status_code == 409
    changed = form | {"entry": entry, "answer": "周一闭馆。"}
    assert author.post("/desk/knowledge", data=changed).status_code == 303
    assert house.knowledge.published == {}


def test_what_belongs_to_another_member_is_not_found(house: House) -> None:
    author, stranger = house.client("lin"), house.client("he")
    token = csrf(author.get("/desk/knowledge").text)
    author.post("/desk/knowledge", data={"csrf_token": token, "question": "本馆问题", "answer": "答"})
    with house.database.read() as session:
        [entry] = knowledge.entries(session, member="city")
    assert "本馆问题" not in stranger.get("/desk/knowledge").text
    answer = stranger.post(
        f"/desk/knowledge/{entry.id}/approve", data={"csrf_token": csrf(stranger.get("/desk/knowledge").text)}
    )
    assert answer.status_code == 404


def test_canned_answers_stand_ready_on_the_ticket(house: House) -> None:
    with house.database.begin() as session:
        knowledge.add_phrase(session, title="开馆时间", text="九点至十七点。")
        knowledge.add_phrase(session, title="别馆的", text="…", member="college")
    opened = house.desk.open_ticket(conversation_id="c", caller=house.reader(), transcript=[])
    page = house.client("lin").get(f"/desk/tickets/{opened['ticket_id']}").text
    assert 'data-phrase="九点至十七点。"' in page
    assert "别馆的" not in page
