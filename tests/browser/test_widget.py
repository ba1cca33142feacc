"""The widget in a real browser against the fake service: what a reader sees and does, also when things go wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Fake
from tests.browser.fake_server import HOSTILE, LINKS, SENTENCES, World

WCAG = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
ANSWER = "".join(text for text, _ in SENTENCES)
BOOK = "地市级区域图书馆联盟建设研究哪里有？"


@pytest.fixture
def problems(page: Page) -> Iterator[list[str]]:
    """What the page complained of; a test passes only when that is nothing (or what it takes out)."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    yield found
    assert found == []


@pytest.fixture
def host(page: Page, fake: Fake, problems: list[str]) -> Page:
    page.goto(f"{fake.url}/host")
    return page


def open_panel(page: Page) -> None:
    page.get_by_role("button", name="咨询图书馆").and_(page.locator(".launcher")).click()
    expect(page.get_by_label("输入问题")).to_be_focused()


def ask(page: Page, question: str) -> None:
    page.get_by_label("输入问题").fill(question)
    page.keyboard.press("Enter")


def answered(page: Page, turn: int = -1) -> None:
    expect(page.locator("article.turn").nth(turn)).to_have_attribute("aria-busy", "false")


def shown_text(page: Page, turn: int = -1) -> str:
    """The answer's words without its markers."""
    script = """node => {
        const copy = node.cloneNode(true);
        copy.querySelectorAll('.cites').forEach(each => each.remove());
        return copy.textContent;
    }"""
    return str(page.locator("article.turn .text").nth(turn).evaluate(script))


def axe_violations(page: Page) -> list[str]:
    found = Axe().run(page, options=WCAG).response["violations"]
    return [f"{each['id']}: {node['target']}" for each in found for node in each["nodes"]]


def test_an_answer_streams_in_and_each_sentence_is_cited(host: Page) -> None:
    open_panel(host)
    ask(host, BOOK)
    expect(host.locator(".question p")).to_have_text(BOOK)
    expect(host.get_by_role("button", name="停止")).to_be_visible()
    answered(host)
    assert shown_text(host) == ANSWER
    assert host.locator(".cite").all_text_contents() == ["1", "1", "2", "1"]


def test_a_marker_opens_its_source_with_the_exact_quotation_highlighted(host: Page) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.locator(".cite").nth(2).click()
    card = host.locator(".source").nth(1)
    expect(card.locator("mark")).to_have_text(["外馆读者凭证申请，三个工作日内到馆"])
    expect(card.get_by_role("button", name="馆际互借办法")).to_be_focused()
    host.locator(".cite").nth(1).click()
    expect(host.locator("mark:visible")).to_have_text(["馆藏：示例市图书馆 三楼社科借阅区"])
    assert host.locator(".source").nth(0).locator("blockquote").count() == 3


def test_holdings_say_where_and_whether(host: Page) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    rows = host.locator(".holding")
    expect(rows.nth(0)).to_contain_text("示例市图书馆在馆 2 册三楼社科借阅区G258.22/X88")
    expect(rows.nth(1)).to_contain_text("示例师范学院图书馆已借出密集书库")


def test_a_request_is_placed_once_and_followed(host: Page, world: World, problems: list[str]) -> None:
    world.faults = ["place"]
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="申请馆际互借").click()
    expect(host.get_by_role("heading", name="申请馆际互借或复制")).to_be_focused()
    host.get_by_role("button", name="提交申请").click()
    expect(host.get_by_label("姓名")).to_be_focused()
    expect(host.get_by_label("姓名")).to_have_attribute("aria-invalid", "true")
    host.get_by_label("姓名").fill("李同学")
    host.get_by_label("联系方式").fill("reader@example.org")
    host.get_by_label("复制部分内容").check()
    host.get_by_label("需要的页码或章节").fill("第三章")
    host.get_by_label("最迟需要日期").fill("2099-12-31")
    host.get_by_role("button", name="提交申请").click()
    expect(host.get_by_role("alert")).to_have_text("服务暂时出错了，请稍后重试。")
    host.get_by_role("button", name="提交申请").click()
    expect(host.get_by_role("heading", name="申请已提交")).to_be_focused()
    (stored,) = world.requests.values()
    expect(host.locator(".number")).to_have_text(stored["number"])
    assert len(world.request_keys) == 2
    assert stored["draft"] == {
        "record_id": "rec-1", "service": "copy", "patron": {"name": "李同学", "contact": "reader@example.org"},
        "pages": "第三章", "needed_by": "2099-12-31", "delivery": "electronic",
    }  # fmt: skip
    stored.update(state_label="供书馆已确认", next_step="正在寄送")
    host.get_by_role("button", name="刷新").click()
    expect(host.get_by_role("status").filter(has_text="正在寄送")).to_contain_text("供书馆已确认")
    host.get_by_role("button", name="撤销申请").click()
    host.get_by_role("button", name="再按一次：撤销申请").click()
    expect(host.locator(".badge")).to_have_text("已撤销")
    host.get_by_role("button", name="返回").click()
    host.get_by_role("button", name="我的申请").click()
    expect(host.locator(".requests button")).to_contain_text("已撤销")
    expect(host.locator(".requests button")).to_contain_text(stored["number"])
    problems.clear()  # the browser reports the 503 that this test asked for


def test_a_refused_form_says_why_and_a_corrected_one_is_a_new_request(
    host: Page, world: World, problems: list[str]
) -> None:
    world.faults = ["limit"]
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="申请这本").click()
    host.get_by_label("姓名").fill("李同学")
    host.get_by_label("联系方式").fill("13800000000")
    host.get_by_role("button", name="提交申请").click()
    expect(host.get_by_role("alert")).to_have_text("同时进行的申请已达上限。")
    host.get_by_role("button", name="提交申请").click()
    expect(host.locator(".number")).to_be_visible()
    assert len(set(world.request_keys)) == 2
    problems.clear()  # the browser reports the 409 that this test asked for


def test_what_no_catalogue_has_is_requested_in_the_reader_s_words(host: Page, world: World) -> None:
    open_panel(host)
    host.get_by_role("button", name="我的申请").click()
    expect(host.get_by_text("还没有申请。")).to_be_visible()
    host.get_by_role("button", name="申请目录里没有的文献").click()
    host.get_by_label("姓名").fill("李同学")
    host.get_by_label("联系方式").fill("13800000000")
    host.get_by_role("button", name="提交申请").click()
    expect(host.get_by_label("文献信息")).to_be_focused()
    host.get_by_label("文献信息").fill("《县志编修札记》，1986")
    host.get_by_role("button", name="提交申请").click()
    expect(host.locator(".number")).to_be_visible()
    (stored,) = world.requests.values()
    assert stored["draft"]["citation"] == "《县志编修札记》，1986"
    assert "record_id" not in stored["draft"]


def test_a_reader_takes_their_own_next_step(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="申请这本").click()
    host.get_by_label("姓名").fill("李同学")
    host.get_by_label("联系方式").fill("13800000000")
    host.get_by_role("button", name="提交申请").click()
    expect(host.locator(".number")).to_be_visible()
    (stored,) = world.requests.values()
    stored.update(
        actions=[{"name": "ask_renewal", "label": "申请续借"}, {"name": "cancel", "label": "撤销"}], version=3
    )
    host.get_by_role("button", name="刷新").click()
    host.get_by_role("button", name="申请续借").click()
    host.get_by_role("button", name="再按一次：申请续借").click()
    expect(host.locator(".badge")).to_have_text("已申请续借")
    assert stored["acted"] == {"action": "ask_renewal", "version": 3, "reason": ""}


def test_a_form_tells_the_terms_and_how_a_citation_was_read(host: Page, world: World) -> None:
    open_panel(host)
    host.get_by_role("button", name="我的申请").click()
    host.get_by_role("button", name="申请目录里没有的文献").click()
    host.get_by_label("文献信息").fill("某人. 某题名[M]. 2011")
    host.get_by_label("姓名").fill("李同学")
    terms = host.get_by_role("region", name="条件")
    expect(terms).to_contain_text("每页 0.20 元。")
    expect(terms).to_contain_text("<img src=x")
    host.get_by_role("button", name="就是这本").click()
    expect(host.locator(".item")).to_have_text("地市级区域图书馆联盟建设研究")
    host.get_by_label("联系方式").fill("13800000000")
    host.get_by_role("button", name="提交申请").click()
    expect(host.locator(".number")).to_be_visible()
    (stored,) = world.requests.values()
    assert stored["draft"]["record_id"] == "rec-1"
    assert world.quotes[0]["citation"] == "某人. 某题名[M]. 2011"
    assert host.evaluate("window.hacked") is None


def test_a_reader_downloads_or_says_what_is_wrong(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="申请这本").click()
    host.get_by_label("姓名").fill("李同学")
    host.get_by_label("联系方式").fill("13800000000")
    host.get_by_role("button", name="提交申请").click()
    expect(host.locator(".number")).to_be_visible()
    (stored,) = world.requests.values()
    link = {"url": "/d/abc", "expires_at": "2099-01-01T00:00:00+08:00", "remaining": 2}
    needs = [{"name": "report_problem", "label": "复制件有问题", "needs": ["reason"]}]
    stored.update(download=link, actions=needs, state_label="已送达")
    host.get_by_role("button", name="刷新").click()
    expect(host.get_by_role("link", name="下载文献")).to_have_attribute("href", re.compile(r"/d/abc$"))
    expect(host.locator(".download")).to_contain_text("还可下载 2 次")
    host.get_by_role("button", name="复制件有问题").click()
    host.get_by_role("button", name="再按一次：复制件有问题").click()
    host.get_by_label("请说明情况").fill("缺第二页")
    host.get_by_role("button", name="再按一次：复制件有问题").click()
    expect(host.locator(".badge")).to_have_text("已申请续借")
    assert stored["acted"]["reason"] == "缺第二页"
    stored.update(download=link | {"remaining": 0})
    host.get_by_role("button", name="刷新").click()
    expect(host.get_by_text("下载链接已用完")).to_be_visible()


def test_news_of_requests_are_told_once_and_lead_there(host: Page, world: World) -> None:
    world.requests["k"] = {"number": "R-9", "state": "delivered", "state_label": "已送达", "title": "甲"}
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    world.notices = [{"number": "R-9", "subject": f"【已送达】{HOSTILE}"}]
    host.reload()
    open_panel(host)
    news = host.get_by_role("status", name="您的申请有新进展")
    news.get_by_role("button", name="已送达").click()
    expect(host.locator(".number")).to_have_text("R-9")
    expect(news).to_have_count(0)
    assert host.evaluate("window.hacked") is None


def test_a_cut_stream_is_resumed_without_losing_or_repeating_a_word(host: Page, world: World) -> None:
    world.faults = ["cut", "cut"]
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    assert shown_text(host) == ANSWER
    assert world.resumed == ["7", "7"]
    assert len(world.questions) == 1


def test_offline_is_said_and_the_answer_comes_when_the_connection_is_back(
    host: Page, context: BrowserContext, world: World, problems: list[str]
) -> None:
    open_panel(host)
    context.set_offline(True)
    ask(host, BOOK)
    expect(host.get_by_text("网络已断开，恢复后会自动继续。")).to_be_visible()
    context.set_offline(False)
    answered(host)
    assert shown_text(host) == ANSWER
    assert world.questions == [BOOK]
    problems.clear()  # the browser reports the failed connection that this test made


@pytest.mark.parametrize(
    ("fault", "words"), [("429", "问得太快了"), ("500", "服务暂时出错了"), ("error", "回答出错。")]
)
def test_a_failure_is_explained_and_can_be_tried_again(
    host: Page, world: World, problems: list[str], fault: str, words: str
) -> None:
    world.faults = [fault]
    open_panel(host)
    ask(host, BOOK)
    expect(host.locator(".failure")).to_contain_text(words)
    host.get_by_role("button", name="重试").click()
    expect(host.locator(".failure")).to_have_count(0)
    answered(host)
    assert shown_text(host) == ANSWER
    assert host.locator("article.turn").count() == 1
    problems.clear()  # the browser reports the status that this test asked for


def test_a_forgotten_token_is_renewed_unseen(host: Page, world: World, problems: list[str]) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    world.tokens.clear()
    ask(host, "第二本哪里有？")
    expect(host.locator("article.turn")).to_have_count(2)
    answered(host)
    assert len(world.questions) == 2
    problems.clear()  # the browser reports the 401 that this test asked for


def test_a_site_without_permission_is_told_so(page: Page, fake: Fake, world: World) -> None:
    world.faults = ["foreign"]
    page.goto(f"{fake.url}/host")
    open_panel(page)
    ask(page, BOOK)
    expect(page.locator(".failure")).to_contain_text("这个网站没有获得使用许可")


def test_stop_keeps_what_was_said_and_tells_the_service(host: Page, world: World) -> None:
    world.delay = 0.1
    open_panel(host)
    ask(host, BOOK)
    expect(host.locator(".text")).to_contain_text("地市级")
    with host.expect_response("**/stop"):
        host.get_by_role("button", name="停止").click()
    expect(host.locator("article.turn .note")).to_have_text("已停止")
    expect(host.get_by_role("button", name="发送")).to_be_visible()
    assert ANSWER.startswith(shown_text(host))
    assert len(world.stopped) == 1


def test_a_turn_stopped_before_it_has_a_name_is_stopped_all_the_same(host: Page, world: World) -> None:
    world.slow_start = 0.5
    open_panel(host)
    ask(host, BOOK)
    with host.expect_response("**/stop"):
        host.get_by_role("button", name="停止").click()
    expect(host.locator("article.turn .note")).to_have_text("已停止")
    expect(host.get_by_role("button", name="发送")).to_be_visible()
    assert len(world.stopped) == 1
    assert shown_text(host) == ""


def test_feedback_regenerate_and_suggestions(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="有用").click()
    expect(host.get_by_role("button", name="有用")).to_have_attribute("aria-pressed", "true")
    expect(host.get_by_text("谢谢反馈")).to_be_visible()
    assert world.feedback == [{"helpful": True}]
    host.get_by_role("button", name="重新回答").click()
    expect(host.get_by_role("button", name="有用")).to_have_attribute("aria-pressed", "false")
    assert world.questions == [BOOK, BOOK]
    host.get_by_role("button", name="第二本哪里有？").click()
    expect(host.locator("article.turn")).to_have_count(2)
    answered(host)
    assert world.questions[-1] == "第二本哪里有？"


def test_a_refusal_is_shown_as_one(host: Page) -> None:
    open_panel(host)
    ask(host, "量子引力的实验证据")
    answered(host)
    expect(host.locator(".verdict")).to_have_text("没有找到可靠的依据")
    expect(host.get_by_role("heading", name="相近的资料")).to_be_visible()
    expect(host.get_by_role("button", name="联系馆员")).to_be_visible()


def test_the_conversation_is_there_after_a_reload_and_gone_after_a_fresh_start(host: Page) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.reload()
    open_panel(host)
    expect(host.locator("article.turn")).to_have_count(1)
    assert shown_text(host) == ANSWER
    assert host.locator(".cite").count() == 4
    host.get_by_role("button", name="新对话").click()
    expect(host.get_by_text("可以这样问")).to_be_visible()
    host.reload()
    open_panel(host)
    expect(host.get_by_text("可以这样问")).to_be_visible()


def test_an_input_method_s_enter_is_not_ours(host: Page, world: World) -> None:
    open_panel(host)
    devtools = host.context.new_cdp_session(host)
    devtools.send("Input.imeSetComposition", {"text": "tushuguan", "selectionStart": 9, "selectionEnd": 9})
    host.keyboard.press("Enter")
    devtools.send("Input.insertText", {"text": "图书馆"})
    host.wait_for_timeout(50)
    host.keyboard.press("Shift+Enter")
    expect(host.get_by_label("输入问题")).to_have_value(re.compile("图书馆\n"))
    assert world.questions == []
    host.keyboard.press("Enter")
    answered(host)
    assert world.questions == ["图书馆"]


def test_nothing_the_service_sends_becomes_markup(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, "恶意")
    answered(host)
    assert "<img src=x onerror=" in shown_text(host)
    host.locator(".cite").first.click()
    expect(host.locator("mark").first).to_have_text(HOSTILE)
    assert host.evaluate("window.hacked") is None
    assert host.locator("lianwen-chat img, lianwen-chat script").count() == 0
    assert host.locator("lianwen-chat a[href^='javascript']").count() == 0
    expect(host.get_by_role("link", name="看看办法")).to_have_count(0)


def test_a_librarian_is_called_and_answers_live(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="联系馆员").click()
    expect(host.locator(".desk-state")).to_have_text("值班馆员正在为您服务")
    host.get_by_label("给馆员留言").fill("我想借这本")
    host.keyboard.press("Enter")
    expect(host.locator(".said.mine")).to_contain_text("我想借这本")
    world.messages.append({"id": "s1", "author": "librarian", "name": "值班馆员", "text": "可以，明天到馆。"})
    expect(host.locator(".said").last).to_contain_text("可以，明天到馆。")
    expect(host.locator("[role=log]")).to_contain_text("值班馆员: 可以，明天到馆。")
    assert host.locator(".said").count() == 2


def test_escape_closes_and_focus_goes_back_to_the_launcher(host: Page) -> None:
    open_panel(host)
    host.keyboard.press("Escape")
    expect(host.locator(".launcher")).to_be_focused()
    host.keyboard.press("Enter")
    expect(host.get_by_label("输入问题")).to_be_focused()


def test_finished_sentences_are_announced_once(host: Page, world: World) -> None:
    world.delay = 0.03
    open_panel(host)
    host.evaluate("""() => {
        const log = document.querySelector('lianwen-chat').shadowRoot.querySelector('[role=log]');
        window.heard = [];
        const hear = change => change.addedNodes.forEach(node => heard.push(node.textContent));
        new MutationObserver(changes => changes.forEach(hear)).observe(log, {childList: true});
    }""")
    ask(host, BOOK)
    answered(host)
    host.wait_for_function("() => heard.at(-1) === '回答完毕'")
    heard = host.evaluate("heard")
    assert "".join(heard) == ANSWER + "回答完毕"
    assert all(re.search(r"[。！？]$", each) for each in heard[:-1])


def test_removing_the_element_ends_its_streams(host: Page, world: World) -> None:
    world.delay = 0.2
    open_panel(host)
    ask(host, BOOK)
    expect(host.locator(".text")).to_contain_text("地市级")
    assert world.streams == 1
    host.evaluate("document.querySelector('lianwen-chat').remove()")
    for _ in range(40):
        if world.streams == 0:
            break
        host.wait_for_timeout(50)
    assert world.streams == 0


def test_a_second_tab_shows_what_was_asked_in_the_first(host: Page, fake: Fake, context: BrowserContext) -> None:
    open_panel(host)
    other = context.new_page()
    other.goto(f"{fake.url}/host")
    open_panel(other)
    expect(other.get_by_text("可以这样问")).to_be_visible()
    ask(host, BOOK)
    answered(host)
    expect(other.locator("article.turn")).to_have_count(1)
    host.get_by_role("button", name="新对话").click()
    expect(other.get_by_text("可以这样问")).to_be_visible()


def test_a_very_long_answer_arrives_whole_and_stays_usable(host: Page, world: World) -> None:
    world.delay = 0
    open_panel(host)
    ask(host, "很长")
    answered(host)
    assert len(shown_text(host)) == sum(len(SENTENCES[index % 3][0]) for index in range(400))
    assert host.locator(".cite").count() == 133 * 4 + 1
    longest = host.evaluate("""async () => {
        const area = document.querySelector('lianwen-chat').shadowRoot.querySelector('textarea');
        const began = performance.now();
        area.value = '下一个问题';
        area.dispatchEvent(new Event('input', {bubbles: true}));
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        return performance.now() - began;
    }""")
    assert longest < 500, "milliseconds from a key to the screen"


def test_english_pages_get_english_words(page: Page, fake: Fake) -> None:
    page.goto(f"{fake.url}/host?lang=en")
    page.get_by_role("button", name="Ask the library").click()
    expect(page.get_by_label("Your question")).to_be_focused()
    assert axe_violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_every_view_is_accessible(
    page: Page, fake: Fake, problems: list[str], output: Path, scheme: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(f"{fake.url}/")
    views: dict[str, list[str]] = {}

    def look(name: str) -> None:
        page.screenshot(path=output / f"{name}-{scheme}-{width}.png")
        views[name] = axe_violations(page)

    look("closed")
    page.locator(".launcher").click()
    expect(page.get_by_text("可以这样问")).to_be_visible()
    look("welcome")
    ask(page, BOOK)
    answered(page)
    page.locator(".cite").nth(2).click()
    look("answer")
    page.get_by_role("button", name="申请馆际互借").click()
    page.get_by_role("button", name="提交申请").click()
    look("form")
    page.get_by_label("姓名").fill("李同学")
    page.get_by_label("联系方式").fill("reader@example.org")
    page.get_by_role("button", name="提交申请").click()
    expect(page.locator(".number")).to_be_visible()
    look("placed")
    page.get_by_role("button", name="我的申请").click()
    look("requests")
    page.get_by_role("button", name="新对话").click()
    expect(page.get_by_text("可以这样问")).to_be_visible()
    ask(page, "量子引力")
    answered(page)
    expect(page.locator(".verdict")).to_be_visible()
    look("refused")
    assert {name: found for name, found in views.items() if found} == {}
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("lianwen-chat .panel").evaluate("panel => panel.scrollWidth <= panel.clientWidth")


def test_a_question_under_way_goes_on_after_a_reload(host: Page, world: World) -> None:
    world.delay = 0.2
    open_panel(host)
    ask(host, BOOK)
    expect(host.locator(".text")).to_contain_text("地市级")
    (turn_id,) = world.finished
    world.open = {"id": turn_id, "question": BOOK, "state": "running"}
    world.delay = 0.01
    host.reload()
    open_panel(host)
    answered(host)
    assert shown_text(host) == ANSWER
    expect(host.locator("article.turn")).to_have_count(1)
    assert world.questions == [BOOK]


def test_a_question_that_failed_can_be_asked_again_after_a_reload(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    (turn_id,) = world.finished
    world.open = {"id": turn_id, "question": BOOK, "state": "failed"}
    host.reload()
    open_panel(host)
    host.get_by_role("button", name="重试").click()
    expect(host.locator(".failure")).to_have_count(0)
    answered(host)
    assert shown_text(host) == ANSWER


def test_feedback_is_still_there_after_a_reload(host: Page) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="没用").click()
    expect(host.get_by_text("谢谢反馈")).to_be_visible()
    host.reload()
    open_panel(host)
    expect(host.get_by_role("button", name="没用")).to_have_attribute("aria-pressed", "true")


def test_addresses_are_links_in_quotations_and_never_in_a_models_words(host: Page) -> None:
    open_panel(host)
    ask(host, "网址")
    answered(host)
    hrefs = [link.get_attribute("href") for link in host.locator("article.turn .text a").all()]
    assert hrefs == ["https://seat.example/a", "https://guide.example/b"]
    expect(host.locator("article.turn .text a").last).to_have_text("读者指南（guide.example）")
    ask(host, "模型说的网址")
    answered(host, 1)
    assert shown_text(host) == LINKS
    assert host.locator("article.turn").nth(1).locator(".text a").count() == 0


def test_a_locator_stands_beside_its_source_and_its_quotation(host: Page) -> None:
    open_panel(host)
    ask(host, "网址")
    answered(host)
    cite = host.get_by_role("button", name="出处 2 第 12 页")
    expect(host.locator(".source").nth(1).locator(".about")).to_have_text("第 12 页")
    cite.click()
    expect(host.locator("blockquote cite")).to_have_text("第 12 页")


def test_the_focus_stays_in_the_talk_when_a_suggestion_goes_away(host: Page) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="第二本哪里有？").focus()
    host.keyboard.press("Enter")
    expect(host.locator(".log")).to_be_focused()
    answered(host, 1)
    host.get_by_role("button", name="重新回答").focus()
    host.keyboard.press("Enter")
    expect(host.locator(".log")).to_be_focused()


def test_what_a_librarian_writes_is_words_and_is_not_missed_while_nobody_listens(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="联系馆员").click()
    world.messages.append({"id": "m-1", "author": "librarian", "name": HOSTILE, "text": HOSTILE})
    expect(host.locator(".said p").last).to_have_text(HOSTILE)
    assert host.evaluate("window.hacked") is None
    assert host.locator("lianwen-chat img, lianwen-chat script").count() == 0


def test_what_is_asked_after_a_librarian_has_finished_stands_below_that_talk(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="联系馆员").click()
    world.messages.append({"id": "m-1", "author": "librarian", "name": "值班馆员", "text": "已为您预约"})
    expect(host.locator(".said").last).to_contain_text("已为您预约")
    world.closed = True
    expect(host.locator(".desk-state")).to_contain_text("馆员已结束")
    ask(host, "外馆的书怎么借？")
    answered(host, 1)
    order = host.locator(".log > *").evaluate_all("nodes => nodes.map(node => node.className)")
    assert order == ["turn", "desk", "turn"]


def test_a_librarians_word_is_told_on_the_launcher_while_the_panel_is_closed(host: Page, world: World) -> None:
    open_panel(host)
    ask(host, BOOK)
    answered(host)
    host.get_by_role("button", name="联系馆员").click()
    expect(host.locator(".desk-state")).to_be_visible()
    host.keyboard.press("Escape")
    world.messages.append({"id": "m-1", "author": "librarian", "name": "值班馆员", "text": "已为您预约"})
    launcher = host.locator(".launcher")
    expect(launcher).to_have_text("馆员回复了您")
    launcher.click()
    expect(host.locator(".said").last).to_contain_text("已为您预约")
    host.keyboard.press("Escape")
    expect(launcher).to_have_text("咨询图书馆")
