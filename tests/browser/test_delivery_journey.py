"""A request from the widget to the delivered file, and a loan there and back: a reader and two librarians in real
browsers on the real service."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pypdf import PdfReader

from tests.browser.conftest import FIRST_START
from tests.browser.test_widget import WCAG, open_panel
from tests.delivery import uploads

pytestmark = pytest.mark.timeout(FIRST_START + 120)

HOSTILE = '<img src=x onerror="window.hacked=1"><b>李</b>'
LIBRARIANS = {
    "SLCITY": "city", "SLNORM": "norm", "SLVOC": "voc", "SLQX": "qingxi", "SLYS": "yunshan"
}  # fmt: skip


@dataclass(frozen=True)
class Book:
    """A book that the reader's own library does not have."""

    title: str
    creator: str
    year: int
    publisher: str
    holder: str


@pytest.fixture(scope="session")
def books(service: str) -> list[Book]:
    found = []
    for query in ("图书馆", "文学史", "经济", "教育", "历史", "哲学"):
        for hit in httpx.get(f"{service}/api/search", params={"q": query, "size": 100}, timeout=60).json()["hits"]:
            holders = [holding["member"] for holding in hit["holdings"]]
            usable = all(holding["loanable"] and holding["copyable"] for holding in hit["holdings"])
            if len(holders) == 1 and holders[0] != "SLCITY" and usable and hit["creators"] and len(hit["title"]) > 5:
                found.append(Book(hit["title"], hit["creators"][0], hit["year"], hit["publisher"], holders[0]))
    return found


@pytest.fixture
def hacked(browser: Browser) -> Iterator[Callable[[Page], None]]:
    """Call with every page that showed what a stranger wrote."""
    pages: list[Page] = []
    yield pages.append
    assert all(page.evaluate("window.hacked") is None for page in pages if not page.is_closed())


@pytest.fixture
def signed_in(
    browser: Browser, service: str, service_folder: Path, browser_context_args: dict[str, Any]
) -> Iterator[Callable[[str], Page]]:
    """A librarian's own browser."""
    contexts: list[BrowserContext] = []
    password = (service_folder / "demo_password").read_text(encoding="utf-8").strip()

    def sign_in(username: str) -> Page:
        context = browser.new_context(**browser_context_args)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{service}/desk/login")
        page.get_by_label("用户名").fill(username)
        page.get_by_label("密码").fill(password)
        page.get_by_role("button", name="登录").click()
        page.wait_for_url("**/desk/requests")
        return page

    yield sign_in
    for context in contexts:
        context.close()


def accessible(page: Page) -> None:
    found = Axe().run(page, options=WCAG).response["violations"]
    assert [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found] == []


def place(reader: Page, book: Book, service: str, **fields: str) -> str:
    """Ask for a book by a citation, as a reader who copied it from a list of references."""
    reader.get_by_role("button", name="我的申请").click()
    reader.get_by_role("button", name="申请目录里没有的文献").click()
    reader.get_by_label("文献信息").fill(
        f"{book.creator.split(',')[0]}. {book.title}[M]. {book.publisher}, {book.year}."
    )
    if service == "copy":
        reader.get_by_label("复制部分内容").check()
    for label, value in fields.items():
        reader.get_by_label(label).fill(value)
    expect(reader.get_by_role("region", name="条件")).to_contain_text("先向")
    return send(reader)


def send(reader: Page) -> str:
    reader.get_by_role("button", name="提交申请").click()
    expect(reader.get_by_role("heading", name="申请已提交")).to_be_focused()
    number = reader.locator(".number").text_content()
    assert number
    return number


def follow(reader: Page, number: str) -> None:
    """Come back another day and look at the request."""
    reader.reload()
    open_panel(reader)
    reader.get_by_role("button", name="我的申请").click()
    reader.get_by_role("button", name=number).click()
    expect(reader.locator(".number")).to_have_text(number)


def press(librarian: Page, name: str) -> None:
    librarian.get_by_role("button", name=name, exact=True).click()
    librarian.wait_for_load_state()


def test_a_copy_from_the_widget_to_the_delivered_file(
    page: Page,
    service: str,
    books: list[Book],
    signed_in: Callable[[str], Page],
    hacked: Callable[[Page], None],
    output: Path,
    tmp_path: Path,
) -> None:
    book = books[0]
    page.goto(service)
    open_panel(page)
    contact = f"li.{secrets.token_hex(4)}@example.org"
    wanted = {"姓名": HOSTILE, "联系方式": contact, "需要的页码或章节": "1-3", "附言": HOSTILE}
    number = place(page, book, "copy", **wanted)
    page.screenshot(path=output / "copy-1-placed.png")
    accessible(page)
    hacked(page)

    supplier = signed_in(LIBRARIANS[book.holder])
    expect(supplier.get_by_role("row").filter(has_text=number)).to_be_visible()
    supplier.screenshot(path=output / "copy-2-board.png")
    accessible(supplier)
    supplier.get_by_role("link", name=number).last.click()
    expect(supplier.locator("main")).not_to_contain_text(contact)
    disguised = tmp_path / "扫描件.pdf"
    disguised.write_bytes(b"<!doctype html><script>alert(1)</script>")
    supplier.get_by_label("要送达的文件").set_input_files(disguised)
    press(supplier, "上传并送达")
    expect(supplier.get_by_role("alert")).to_contain_text("只接受 PDF")
    supplier.screenshot(path=output / "copy-3-refused.png")
    scan = tmp_path / "扫描.pdf"
    scan.write_bytes(uploads.pdf(3))
    supplier.get_by_label("要送达的文件").set_input_files(scan)
    press(supplier, "上传并送达")
    expect(supplier.locator(".lw-badge")).to_have_text("已送达")
    expect(supplier.get_by_role("heading", name="电子文件")).to_be_visible()
    supplier.screenshot(path=output / "copy-4-delivered.png", full_page=True)
    accessible(supplier)
    hacked(supplier)

    home = signed_in("city")
    home.goto(f"{service}/desk/requests/{number}")
    expect(home.locator("main")).to_contain_text(contact)
    expect(home.locator("main")).to_contain_text(HOSTILE)
    hacked(home)
    stranger = next(name for code, name in LIBRARIANS.items() if code not in (book.holder, "SLCITY"))
    other = signed_in(stranger)
    assert other.goto(f"{service}/desk/requests/{number}").status == 404  # type: ignore[union-attr]

    follow(page, number)
    page.screenshot(path=output / "copy-5-ready.png")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="下载文献").click()
    download = opened.value
    expect(download.locator(".lw-number")).to_have_text(number)
    download.screenshot(path=output / "copy-6-download.png")
    accessible(download)
    with download.expect_download() as fetched:
        download.get_by_role("button", name="下载 PDF").click()
    file = tmp_path / "delivered.pdf"
    fetched.value.save_as(file)
    assert number in fetched.value.suggested_filename
    texts = [each.extract_text() for each in PdfReader(file).pages]
    assert [f"Original page {place}" in text for place, text in enumerate(texts, 1)] == [True] * 3
    assert all(f"申请号 {number}" in text for text in texts)
    (output / "delivered.pdf").write_bytes(file.read_bytes())

    page.get_by_role("button", name="确认收到，办结").click()
    page.get_by_role("button", name="再按一次：确认收到，办结").click()
    expect(page.locator(".badge")).to_have_text("已办结")
    page.get_by_role("button", name="抹除我的信息").click()
    page.get_by_role("button", name="再按一次：抹除我的信息").click()
    expect(page.get_by_text("已抹除")).to_be_visible()
    home.reload()
    expect(home.locator("main")).not_to_contain_text(contact)


def test_a_loan_there_and_back(
    page: Page, service: str, books: list[Book], signed_in: Callable[[str], Page], output: Path
) -> None:
    book = books[-1]
    page.goto(service)
    open_panel(page)
    number = place(
        page, book, "loan", 姓名="王同学", 联系方式=f"wang.{secrets.token_hex(4)}@example.org", 取书地点="总服务台"
    )
    supplier, home = signed_in(LIBRARIANS[book.holder]), signed_in("city")
    due = (date.today() + timedelta(days=20)).isoformat()

    def at(librarian: Page, button: str, **fields: str) -> None:
        librarian.goto(f"{service}/desk/requests/{number}")
        for label, value in fields.items():
            librarian.get_by_label(label).fill(value)
        press(librarian, button)
        expect(librarian.get_by_role("alert")).to_have_count(0)

    at(supplier, "同意提供")
    at(supplier, "寄出", 应还日期=due)
    at(home, "登记到馆")
    follow(page, number)
    expect(page.locator(".badge")).to_have_text("已到馆")
    expect(page.locator(".facts")).to_contain_text(due)
    page.screenshot(path=output / "loan-1-arrived.png")
    page.get_by_role("button", name="申请续借").click()
    page.get_by_role("button", name="再按一次：申请续借").click()
    expect(page.locator(".badge")).to_have_text("续借待答复")
    later = (date.today() + timedelta(days=40)).isoformat()
    at(supplier, "同意续借", 应还日期=later)
    follow(page, number)
    expect(page.locator(".facts")).to_contain_text(later)
    home.goto(f"{service}/desk/requests/{number}")
    home.get_by_label("添加备注").fill(HOSTILE)
    press(home, "保存备注")
    expect(home.locator(".lw-said")).to_contain_text(HOSTILE)
    home.screenshot(path=output / "loan-2-desk.png", full_page=True)
    at(home, "登记寄还")
    at(supplier, "收到还书，办结")
    supplier.goto(f"{service}/desk/requests/{number}")
    expect(supplier.locator("main")).not_to_contain_text(HOSTILE)
    follow(page, number)
    expect(page.locator(".badge")).to_have_text("已办结")


def test_a_librarian_asks_for_a_patron_at_the_counter(
    service: str, books: list[Book], signed_in: Callable[[str], Page], output: Path
) -> None:
    book = books[1]
    home = signed_in("city")
    home.get_by_role("link", name="为读者新建申请").click()
    home.get_by_label("文献").first.fill(f"{book.title} {book.publisher} {book.year}")
    home.get_by_label("复制部分内容").check()
    home.get_by_label("页码").fill("5-9")
    home.get_by_label("读者姓名").fill("读者甲")
    contact = f"139{secrets.randbelow(10**8):08}"
    home.get_by_label("读者联系方式").fill(contact)
    press(home, "核对文献与条件")
    expect(home.locator("#quote")).to_contain_text(book.title)
    expect(home.locator("#quote")).to_contain_text("5 页合计")
    home.screenshot(path=output / "desk-order.png", full_page=True)
    accessible(home)
    press(home, "提交申请")
    expect(home.locator("main")).to_contain_text(contact)
    expect(home.locator("main")).to_contain_text("读者甲")


def test_the_figures_add_up_on_their_page(service: str, signed_in: Callable[[str], Page], output: Path) -> None:
    office = signed_in("office")
    office.goto(f"{service}/desk/statistics")
    expect(office.get_by_role("heading", name="ISO 11620 指标")).to_be_visible()
    expect(office.get_by_role("img", name="各月的申请")).to_be_visible()
    office.screenshot(path=output / "desk-figures.png", full_page=True)
    accessible(office)
    with office.expect_download() as fetched:
        office.get_by_role("link", name="导出 CSV").nth(1).click()
    assert Path(fetched.value.path()).read_bytes().startswith(b"\xef\xbb\xbf")
