"""Word, HTML, Markdown and text files: headings, clauses, tables, numbers kept; furniture dropped; encodings told."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls, qn

from indexer.sources.opening import ReadingOptions, read_path
from indexer.sources.values import Read, Skipped, SourceError
from tests.indexer.sources.papers import document, outcomes, told, word


def table(paper: Any, *rows: tuple[str, ...]) -> None:
    made = paper.add_table(rows=0, cols=len(rows[0]))
    for row in rows:
        for cell, text in zip(made.add_row().cells, row, strict=True):
            cell.text = text


def numbered(paper: Any) -> str:
    """Define a list 1, 1.1 as Word does; its number."""
    numbering = paper.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="{start}"/><w:numFmt w:val="decimal"/><w:lvlText w:val="{text}"/></w:lvl>'
        for n, (start, text) in enumerate([(4, "%1"), (1, "%1.%2")])
    )
    numbering.insert(0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="77">{levels}</w:abstractNum>'))
    numbering.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="88"><w:abstractNumId w:val="77"/></w:num>'))
    return "88"


def in_list(paragraph: Any, number: str, depth: int) -> None:
    properties = OxmlElement("w:numPr")
    for name, value in (("w:ilvl", str(depth)), ("w:numId", number)):
        child = OxmlElement(name)
        child.set(qn("w:val"), value)
        properties.append(child)
    paragraph._p.get_or_add_pPr().append(properties)


def test_word_headings_articles_and_tables(tmp_path: Path) -> None:
    def build(paper: Any) -> None:
        paper.add_heading("馆际互借管理办法", 0)
        paper.add_heading("第一章 总则", 1)
        paper.add_paragraph("第一条 为规范馆际互借，制定本办法。")
        paper.add_heading("第二章 收费", 1)
        table(paper, ("类别", "费用", "期限"), ("图书", "五元", "30天"))

    thing = document(word(tmp_path / "a.docx", build))
    assert thing.title == "馆际互借管理办法"
    assert (None, "第一条", "第一条 为规范馆际互借，制定本办法。") in told(thing)
    assert "类别：图书 | 费用：五元 | 期限：30天" in thing.text
    assert thing.blocks[-1].headings == ("馆际互借管理办法", "第二章 收费")


def test_numbers_that_word_computes_are_part_of_the_text(tmp_path: Path) -> None:
    def build(paper: Any) -> None:
        number = numbered(paper)
        for depth, text in [(0, "要求"), (1, "强度应不小于规定值。"), (1, "外观不得有裂纹。"), (0, "试验")]:
            in_list(paper.add_paragraph(text), number, depth)

    thing = document(word(tmp_path / "a.docx", build))
    assert thing.text.split("\n")[:4] == ["4 要求", "4.1 强度应不小于规定值。", "4.2 外观不得有裂纹。", "5 试验"]
    assert [clause for _, clause, _ in told(thing)][1:3] == ["4.1", "4.2"]


def test_chinese_style_names_deleted_text_and_content_controls(tmp_path: Path) -> None:
    def build(paper: Any) -> None:
        style = paper.styles.add_style("标题 2", 1)
        paper.add_paragraph("借阅须知", style=style)
        paragraph = paper.add_paragraph("保留的文字")
        deleted = parse_xml(f"<w:del {nsdecls('w')}><w:r><w:delText>删去的</w:delText></w:r></w:del>")
        inserted = parse_xml(f"<w:ins {nsdecls('w')}><w:r><w:t>，新加的文字</w:t></w:r></w:ins>")
        paragraph._p.append(deleted)
        paragraph._p.append(inserted)
        control = (
            f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p><w:r><w:t>控件里的文字</w:t></w:r></w:p></w:sdtContent></w:sdt>"
        )
        paper.element.body.insert(2, parse_xml(control))

    thing = document(word(tmp_path / "a.docx", build))
    assert thing.text.split() == ["借阅须知", "保留的文字，新加的文字", "控件里的文字"]
    assert thing.blocks[0].headings == ("借阅须知",)


def test_a_footnote_follows_its_paragraph(tmp_path: Path) -> None:
    def build(paper: Any) -> None:
        space = nsdecls("w")
        notes = (
            f'<w:footnotes {space}><w:footnote w:type="separator" w:id="-1"><w:p/></w:footnote>'
            '<w:footnote w:id="2"><w:p><w:r><w:t>含法定节假日。</w:t></w:r></w:p></w:footnote></w:footnotes>'
        )
        kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
        part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), paper.part.package)
        paper.part.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes")
        paragraph = paper.add_paragraph("借期三十天")
        paragraph._p.append(parse_xml(f'<w:r {space}><w:footnoteReference w:id="2"/></w:r>'))
        paper.add_paragraph("可以续借。")

    thing = document(word(tmp_path / "a.docx", build))
    assert thing.text.split("\n")[:3] == ["借期三十天", "脚注：含法定节假日。", "可以续借。"]


PAGE = """<!DOCTYPE html><html><head><meta charset="gb2312"><title>入馆须知 - 某市图书馆</title></head><body>
<div class="top-nav"><a href=/>首页</a><a href=/a>概况</a></div>
<ul><li><a>资源</a><li><a>服务</a><li><a>指南</a><li><a>动态</a></ul>
<div id="main"><h1>入馆须知</h1><p>读者凭证入馆，保持安静。</p><h2>二、开放时间</h2>
<table><tr><th>星期</th><th>时间</th></tr><tr><td rowspan=2>周末</td><td>9:00</td></tr>
<tr><td>17:00</td></tr></table></div>
<p style="display: none">看不见的字</p><div class="footer">版权所有 某市图书馆</div>
<script>var a=1</script></body></html>"""


def test_a_web_page_says_what_it_says_without_its_furniture(tmp_path: Path) -> None:
    path = tmp_path / "须知.html"
    path.write_bytes(PAGE.encode("gb18030"))
    (read,) = [one for one in outcomes(path) if isinstance(one, Read)]
    thing = document(path)
    assert read.encoding == "gb18030"
    assert thing.title == "入馆须知"
    assert thing.text.split("\n")[:3] == ["入馆须知", "读者凭证入馆，保持安静。", "二、开放时间"]
    assert "星期：周末 | 时间：9:00\n星期：周末 | 时间：17:00" in thing.text
    for furniture in ("首页", "资源", "版权", "看不见", "var a"):
        assert furniture not in thing.text


def test_markdown_tables_and_front_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        "---\ntitle: 借阅规则\ndate: 2024-05-06\n---\n\n## 4.3 册数\n\n| 证件 | 册数 |\n|---|---|\n| 普通 | 10 |\n\n"
        "<!-- 注释 -->\n续借一次。\n",
        encoding="utf-8",
    )
    thing = document(path)
    assert (thing.title, thing.date) == ("借阅规则", "2024-05-06")
    assert told(thing) == [(None, "4.3", "4.3 册数\n证件 | 册数\n证件：普通 | 册数：10\n续借一次。")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "big5"])
def test_a_text_in_any_encoding(tmp_path: Path, encoding: str) -> None:
    text = "第三章 借閱\n第十二條 讀者憑證入館。\n" if encoding == "big5" else "第三章 借阅\n第十二条 读者凭证入馆。\n"
    path = tmp_path / "a.txt"
    path.write_bytes((text * 20 + "Opening hours 9:00-17:00\n" * 10).encode(encoding))
    assert document(path).text.startswith(text)


def test_what_cannot_be_read_says_what_to_do(tmp_path: Path) -> None:
    files = {
        "旧.doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 512, ".docx"),
        "空.txt": (b"\n", "空"),
        "图.png": (b"\x89PNG\r\n", "图片"),
        "假.docx": (b"PK\x03\x04 not a zip", "DOCX"),
        "冒充.pdf": (b"hello", "PDF"),
    }
    for name, (content, _) in files.items():
        (tmp_path / name).write_bytes(content)
    found = {name: one for name, one in read_path(str(tmp_path), ReadingOptions()) if isinstance(one, Skipped)}
    assert found.keys() == files.keys()
    for name, (_, word_) in files.items():
        assert word_ in found[name].reason


def test_a_word_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("word/document.xml", "w") as part:
        for _ in range(300):
            part.write(b" " * 1_000_000)
    (skipped,) = outcomes(path)
    assert isinstance(skipped, Skipped)
    assert "炸弹" in skipped.reason


def test_a_folder_is_read_below_and_not_outside(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("外面的文字。", encoding="utf-8")
    folder = tmp_path / "folder"
    (folder / "下级").mkdir(parents=True)
    (folder / "下级" / "规则.txt").write_text("里面的文字。", encoding="utf-8")
    (folder / ".hidden.txt").write_text("隐藏的文字。", encoding="utf-8")
    (folder / "~$规则.docx").write_bytes(b"lock")
    (folder / "link.txt").symlink_to(outside)
    read = [one.thing.source_id for _, one in read_path(str(folder), ReadingOptions()) if isinstance(one, Read)]
    assert read == ["下级/规则.txt"]


def test_a_zip_of_a_chinese_windows_is_named_right_and_stays_inside(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("AAAAAAAA.txt", "借阅规则的正文。")
        archive.writestr("../../escape.txt", "逃出去的文字。")
    raw = path.read_bytes().replace(b"AAAAAAAA.txt", "借阅规则".encode("gb18030") + b".txt")
    path.write_bytes(raw)
    found = [one for _, one in read_path(str(path), ReadingOptions())]
    read = [one.thing for one in found if isinstance(one, Read)]
    assert [(thing.source_id, thing.title) for thing in read] == [("借阅规则.txt", "借阅规则")]
    assert [one.reason for one in found if isinstance(one, Skipped)] == ["ZIP 成员的路径指向压缩包之外"]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        list(read_path(str(tmp_path), ReadingOptions()))
