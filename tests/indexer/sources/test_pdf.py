"""PDF files: pages, headings, clauses, tables and columns kept; running heads dropped; hostile ones end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from indexer.sources import pdf as pdf_module
from indexer.sources.values import Noticed, Read, Skipped
from tests.indexer.factories import catalogue, load
from tests.indexer.sources.papers import document, lines, outcomes, pdf, ruled_table, told

BODY = [
    "4.3 借阅期限",
    "普通读者借阅图书的期限为三十天，可以续借一次，续借期限从原到期日起计算，",
    "逾期归还的图书按日计收滞纳金。",
    "4.4 赔偿",
    "遗失图书的，应当购买同版本图书归还，或者按照图书原价的三倍赔偿。",
]


def test_a_clause_is_found_on_its_page_and_its_lines_are_one_paragraph(tmp_path: Path) -> None:
    path = pdf(tmp_path / "规定.pdf", lambda c: lines(c, ["外借服务规定"], size=20), lambda c: lines(c, BODY))
    thing = document(path)
    assert thing.title == "外借服务规定"
    assert (2, "4.3", f"4.3 借阅期限\n{BODY[1]}{BODY[2]}") in told(thing)
    assert (2, "4.4", f"4.4 赔偿\n{BODY[4]}") in told(thing)
    assert thing.blocks[-1].headings[-1] == "4.4 赔偿"


def test_a_title_page_of_a_few_words_is_text_without_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "ocr_installed", lambda: False)
    path = pdf(tmp_path / "a.pdf", lambda c: lines(c, ["外借规定"], size=20), lambda c: lines(c, BODY))
    assert document(path).title == "外借规定"


def test_running_heads_and_page_numbers_are_no_text(tmp_path: Path) -> None:
    def page(number: int, text: str) -> object:
        def draw(canvas: Canvas) -> None:
            canvas.drawString(70, 810, "GB/T 99999—2025")
            canvas.drawString(290, 30, f"— {number} —")
            lines(canvas, [text])

        return draw

    texts = ["第一页说明开放时间。", "第二页说明办证手续。", "第三页说明借阅规则。"]
    thing = document(pdf(tmp_path / "a.pdf", *(page(n, t) for n, t in enumerate(texts, start=1))))  # type: ignore[arg-type]
    assert thing.text.split() == texts


def test_a_ruled_table_is_told_row_by_row_also_with_broken_cells(tmp_path: Path) -> None:
    rows = [["证件类型", "册数", "期限"], ["普通\n读者证", "10册", "30天"], ["集体\n读者证", "200册", "90天"]]

    def draw(canvas: Canvas) -> None:
        lines(canvas, ["表1 外借册数"])
        ruled_table(canvas, rows)
        lines(canvas, ["逾期不还的停借。"], top=400)

    thing = document(pdf(tmp_path / "t.pdf", draw))
    assert "证件类型：普通读者证 | 册数：10册 | 期限：30天" in thing.text
    assert thing.text.index("表1 外借册数") < thing.text.index("普通读者证") < thing.text.index("逾期不还的停借。")
    assert thing.text.count("集体读者证") == 1


def test_columns_are_read_one_after_the_other(tmp_path: Path) -> None:
    left = [f"左栏第{n}行说明馆际互借的办法，" for n in range(8)]
    right = [f"右栏第{n}行说明文献传递的办法，" for n in range(8)]

    def draw(canvas: Canvas) -> None:
        lines(canvas, left, left=60)
        lines(canvas, right, left=320)

    thing = document(pdf(tmp_path / "c.pdf", draw))
    assert thing.text.index(left[-1]) < thing.text.index(right[0])


def test_a_table_of_contents_gives_no_headings(tmp_path: Path) -> None:
    def contents(canvas: Canvas) -> None:
        lines(canvas, ["1 范围……………………1", "2 术语 ............ 3"])

    thing = document(pdf(tmp_path / "d.pdf", contents, lambda c: lines(c, ["1 范围", "本文件规定借阅。"])))
    assert told(thing) == [(2, "1", "1 范围\n本文件规定借阅。")]


def test_a_password_is_the_reason(tmp_path: Path) -> None:
    locked = pdf(tmp_path / "p.pdf", lambda c: lines(c, BODY), encrypt=StandardEncryption("user", "owner"))
    (skipped,) = outcomes(locked)
    assert isinstance(skipped, Skipped)
    assert "密码" in skipped.reason


def scanned(path: Path, text: str) -> Path:
    """A PDF whose only page is a picture of the text."""
    import pypdfium2

    drawn = pdf(path.with_name("drawn.pdf"), lambda c: lines(c, [text], size=24))
    page = pypdfium2.PdfDocument(drawn)[0]
    page.render(scale=2).to_pil().convert("L").save(path)
    return path


def test_a_scanned_page_without_the_extra_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "ocr_installed", lambda: False)
    (skipped,) = outcomes(scanned(tmp_path / "s.pdf", "图书馆开放时间"))
    assert isinstance(skipped, Skipped)
    assert "lianwen[ocr]" in skipped.reason


@pytest.mark.ocr
def test_a_scanned_page_is_recognised_with_the_extra(tmp_path: Path) -> None:
    found = outcomes(scanned(tmp_path / "s.pdf", "图书馆周一闭馆"))
    (read,) = [one for one in found if isinstance(one, Read)]
    assert "周一闭馆" in getattr(read.thing, "text", "")
    assert any(isinstance(one, Noticed) and "OCR" in one.remark for one in found)


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = pdf(tmp_path / "whole.pdf", lambda c: lines(c, BODY)).read_bytes()
    for name, content in {"cut.pdf": whole[:200], "noise.pdf": b"%PDF-1.7\n" + b"\x00\xff" * 500}.items():
        (tmp_path / name).write_bytes(content)
        (skipped,) = outcomes(tmp_path / name)
        assert isinstance(skipped, Skipped)
        assert "PDF" in skipped.reason


def test_a_file_that_takes_too_long_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "SECONDS_A_PAGE", 0.001)
    (skipped,) = outcomes(pdf(tmp_path / "slow.pdf", lambda c: lines(c, BODY)))
    assert isinstance(skipped, Skipped)
    assert "超时" in skipped.reason


def test_a_file_that_was_cut_is_read_again_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pdf(tmp_path / "a.pdf", lambda c: lines(c, BODY), lambda c: lines(c, BODY))
    books = catalogue(tmp_path)
    whole = pdf_module._answers

    def cut(of: Path) -> Iterator[dict[str, Any]]:
        yield from list(whole(of))[:2]
        raise pdf_module._CutError("PDF 解析超时")

    monkeypatch.setattr(pdf_module, "_answers", cut)
    report = load(books, path)
    assert "只读入了前 1 页" in report.remarks[0].reason
    monkeypatch.setattr(pdf_module, "_answers", whole)
    assert load(books, path).changed == 1
    assert load(books, path).same_as_run
