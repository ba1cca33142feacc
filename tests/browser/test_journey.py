"""The whole way in a real browser against the real service: from a question to sources and a request's number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import FIRST_START
from tests.browser.test_widget import WCAG, answered, ask, open_panel

BOOK = "地市级区域图书馆联盟建设研究哪里有？"

pytestmark = pytest.mark.timeout(FIRST_START + 60)


@pytest.fixture
def demo(page: Page, service: str) -> Iterator[Page]:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.goto(service)
    open_panel(page)
    yield page
    assert problems == []


def test_a_question_becomes_a_cited_answer_and_a_request(demo: Page, output: Path) -> None:
    ask(demo, BOOK)
    answered(demo)
    demo.screenshot(path=output / "journey-1-answer.png")
    expect(demo.locator("article.turn .text")).to_contain_text("地市级区域图书馆联盟建设研究")
    expect(demo.locator(".source").first).to_contain_text("地市级区域图书馆联盟建设研究")
    expect(demo.locator(".holding").first).to_be_visible()
    demo.locator(".cite").first.click()
    expect(demo.locator("mark:visible").first).not_to_be_empty()
    demo.screenshot(path=output / "journey-2-source.png")
    demo.get_by_role("button", name="申请这本").first.click()
    demo.get_by_label("姓名").fill("李同学")
    demo.get_by_label("联系方式").fill("reader@example.org")
    demo.get_by_role("button", name="提交申请").click()
    expect(demo.get_by_role("heading", name="申请已提交")).to_be_focused()
    number = demo.locator(".number").text_content()
    assert number
    expect(demo.locator(".badge")).not_to_be_empty()
    demo.screenshot(path=output / "journey-3-placed.png")
    demo.get_by_role("button", name="我的申请").click()
    expect(demo.locator(".requests button").first).to_contain_text(number)
    demo.get_by_role("button", name="返回").click()
    ask(demo, f"申请 {number} 到哪一步了？")
    expect(demo.locator("article.turn")).to_have_count(2)
    answered(demo)
    expect(demo.locator("article.turn .text").last).to_contain_text(number)
    demo.screenshot(path=output / "journey-4-status.png")


def test_the_conversation_survives_a_reload(demo: Page) -> None:
    ask(demo, "外馆的书怎么借？")
    answered(demo)
    words = demo.locator("article.turn .text").text_content()
    demo.reload()
    open_panel(demo)
    expect(demo.locator("article.turn .text")).to_have_text(words or "")


def test_a_librarian_can_be_asked(demo: Page, output: Path) -> None:
    ask(demo, "我想和馆员说话")
    answered(demo)
    demo.get_by_role("button", name="馆员").last.click()
    expect(demo.locator(".desk-state")).to_contain_text("已转给馆员")
    demo.get_by_label("给馆员留言").fill("请帮我找一份县志")
    demo.keyboard.press("Enter")
    expect(demo.locator(".said.mine").last).to_contain_text("请帮我找一份县志")
    demo.screenshot(path=output / "journey-5-librarian.png")


def test_real_answers_are_accessible(demo: Page) -> None:
    ask(demo, BOOK)
    answered(demo)
    found = Axe().run(demo, options=WCAG).response["violations"]
    assert [each["id"] for each in found] == []
