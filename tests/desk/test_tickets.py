"""An escalated conversation reaches one librarian, and the answer reaches the reader."""

from __future__ import annotations

from dataclasses import dataclass

from backend.desk.ticket_pages import PAGE
from tests.desk.conftest import House, csrf


@dataclass(frozen=True)
class Said:
    author: str
    text: str
    at: str = "2026-03-01T08:00:00+00:00"


TALK = [Said("reader", "少儿馆周末开门吗？"), Said("assistant", "没有找到可靠的答案。")]


def hand_over(house: House, conversation: str = "c_1", *, member: str = "city", note: str = "") -> str:
    opened = house.desk.open_ticket(
        conversation_id=conversation, caller=house.reader(member), transcript=TALK, note=note
    )
    return str(opened["ticket_id"])


def test_a_handoff_shows_its_transcript_and_place_in_the_queue(house: House) -> None:
    hand_over(house)
    ticket = hand_over(house, "c_2", note="请今天答复 <img src=x>")
    state = house.desk.state("c_2")
    assert state is not None
    assert (state["state"], state["position"]) == ("waiting", 2)
    page = house.client("lin").get(f"/desk/tickets/{ticket}").text
    assert "少儿馆周末开门吗" in page
    assert "没有找到可靠的答案" in page
    assert "&lt;img src=x&gt;" in page
    assert "<img" not in page


def test_handing_over_twice_is_one_ticket(house: House) -> None:
    assert hand_over(house) == hand_over(house)
    assert PAGE > house.client("lin").get("/desk/tickets").text.count("/desk/tickets/k_") == 1


def test_a_reply_reaches_the_reader_once_even_when_sent_twice(house: House) -> None:
    ticket = hand_over(house)
    browser = house.client("lin")
    token = csrf(browser.get(f"/desk/tickets/{ticket}").text)
    form = {"csrf_token": token, "send_key": "s1", "text": "周六、周日九点至十七点开放。"}
    for _ in range(2):
        assert browser.post(f"/desk/tickets/{ticket}/reply", data=form).status_code == 303
    state = house.desk.state("c_1")
    assert state is not None
    assert state["state"] == "open"
    assert state["librarian"] == "林"
    assert [(said["author"], said["text"]) for said in state["messages"]] == [("librarian", form["text"])]
    events = [(event.name, event.payload.get("text")) for event in house.bus.replay("conversation:c_1")]
    assert events == [("handoff", None), ("message", form["text"])]


def test_the_reader_can_write_back(house: House) -> None:
    ticket = hand_over(house)
    said = house.desk.reader_message(conversation_id="c_1", caller=house.reader(), text="谢谢，节假日呢？")
    assert said is not None
    assert said["author"] == "reader"
    assert "节假日呢" in house.client("wu").get(f"/desk/tickets/{ticket}").text
    assert house.desk.reader_message(conversation_id="other", caller=house.reader(), text="?") is None


def test_two_librarians_cannot_take_the_same_ticket(house: House) -> None:
    ticket = hand_over(house)
    lin, wu = house.client("lin"), house.client("wu")
    tokens = {name: csrf(browser.get("/desk/tickets").text) for name, browser in (("lin", lin), ("wu", wu))}
    assert lin.post(f"/desk/tickets/{ticket}/take", data={"csrf_token": tokens["lin"]}).status_code == 303
    late = wu.post(f"/desk/tickets/{ticket}/take", data={"csrf_token": tokens["wu"]})
    assert late.status_code == 409
    answer = wu.post(f"/desk/tickets/{ticket}/reply", data={"csrf_token": tokens["wu"], "text": "我来答"})
    assert answer.status_code == 409
    assert house.desk.state("c_1")["messages"] == []  # type: ignore[index]
    assert lin.post(f"/desk/tickets/{ticket}/release", data={"csrf_token": tokens["lin"]}).status_code == 303
    assert wu.post(f"/desk/tickets/{ticket}/take", data={"csrf_token": tokens["wu"]}).status_code == 303


def test_a_closed_ticket_takes_no_reply_and_the_reader_may_open_another(house: House) -> None:
    ticket = hand_over(house)
    browser = house.client("lin")
    token = csrf(browser.get("/desk/tickets").text)
    assert browser.post(f"/desk/tickets/{ticket}/take", data={"csrf_token": token}).status_code == 303
    assert browser.post(f"/desk/tickets/{ticket}/close", data={"csrf_token": token}).status_code == 303
    assert browser.post(f"/desk/tickets/{ticket}/close", data={"csrf_token": token}).status_code == 409
    late = browser.post(f"/desk/tickets/{ticket}/reply", data={"csrf_token": token, "text": "再说一句"})
    assert late.status_code == 409
    assert "再说一句" not in browser.get(f"/desk/tickets/{ticket}").text
    assert house.desk.reader_message(conversation_id="c_1", caller=house.reader(), text="还有") is None
    assert hand_over(house) != ticket


def test_a_librarian_sees_own_tickets_and_those_of_sites_without_librarians(house: House) -> None:
    own, common = hand_over(house), hand_over(house, "c_2", member="demo")
    other = house.client("he")
    assert other.get(f"/desk/tickets/{own}").status_code == 404
    assert other.get(f"/desk/tickets/{common}").status_code == 200
    assert own not in other.get("/desk/tickets").text
    token = csrf(other.get("/desk/tickets").text)
    for action in ("take", "close", "release", "reply"):
        answer = other.post(f"/desk/tickets/{own}/{action}", data={"csrf_token": token, "text": "x"})
        assert answer.status_code == 404
    assert house.client("office").get(f"/desk/tickets/{own}").status_code == 200


def test_every_change_needs_the_sessions_token(house: House) -> None:
    ticket = hand_over(house)
    browser = house.client("lin")
    for action in ("take", "close", "release", "reply"):
        answer = browser.post(f"/desk/tickets/{ticket}/{action}", data={"text": "x", "csrf_token": "forged"})
        assert answer.status_code == 403
    assert house.desk.state("c_1")["state"] == "waiting"  # type: ignore[index]


def test_an_empty_or_endless_reply_is_refused_and_nothing_changes(house: House) -> None:
    ticket = hand_over(house)
    browser = house.client("lin")
    token = csrf(browser.get("/desk/tickets").text)
    for text in ("", "  \x07 ", "长" * 4001):
        answer = browser.post(f"/desk/tickets/{ticket}/reply", data={"csrf_token": token, "text": text})
        assert answer.status_code == 422
    assert house.desk.state("c_1")["state"] == "waiting"  # type: ignore[index]


def test_figures_count_the_wait_for_the_first_word(house: House) -> None:
    ticket = hand_over(house)
    browser = house.client("lin")
    token = csrf(browser.get("/desk/tickets").text)
    browser.post(f"/desk/tickets/{ticket}/reply", data={"csrf_token": token, "text": "开。"})
    page = browser.get("/desk/statistics").text
    assert "0 秒" in page
    assert "处理中" in page
