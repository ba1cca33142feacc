"""Passages: exact offsets, nothing lost, and an edit that leaves the passages elsewhere as they are."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.passages import LONGEST, split_passages
from indexer.records import Block

SENTENCES = st.text(alphabet="图书馆读者借阅期限abc，。；！“”\u3000 ", max_size=200)
TEXTS = st.lists(SENTENCES, max_size=12).map("\n".join)
PARAGRAPHS = st.lists(
    st.integers(6, 14).flatmap(lambda n: st.lists(st.sampled_from("甲乙丙丁戊己庚辛"), min_size=n, max_size=n)).map(
        lambda words: "".join(f"{word}类读者可以办理借阅手续并按期归还图书。" for word in words)
    ),
    min_size=3,
    max_size=12,
)  # fmt: skip


@settings(max_examples=80, deadline=None)
@given(TEXTS)
def test_every_passage_is_the_text_between_its_offsets_and_nothing_is_lost(text: str) -> None:
    passages = split_passages("x", text)
    assert all(passage.text == text[passage.start : passage.end] for passage in passages)
    assert all(len(passage.text) <= LONGEST for passage in passages)
    assert all(one.end <= two.start for one, two in pairwise(passages))
    covered = "".join(passage.text for passage in passages)
    assert "".join(covered.split()) == "".join(text.split())
    assert len({passage.id for passage in passages}) == len(passages)


@settings(max_examples=60, deadline=None)
@given(PARAGRAPHS, st.data())
def test_an_edit_in_one_paragraph_leaves_the_passages_of_the_others(paragraphs: list[str], data: st.DataObject) -> None:
    paragraphs = [text.replace("类", f"{number}类") for number, text in enumerate(paragraphs)]
    place = data.draw(st.integers(0, len(paragraphs) - 1))
    longer = [*paragraphs]
    longer[place] = "新增一句，说明本条自即日起施行。" + longer[place]
    before, after = split_passages("x", "\n".join(paragraphs)), split_passages("x", "\n".join(longer))
    start = sum(len(paragraph) + 1 for paragraph in paragraphs[:place])
    others = {one.id for one in before if one.end <= start or one.start >= start + len(paragraphs[place])}
    assert len(others) >= len(paragraphs) - 1
    assert others <= {one.id for one in after}


def test_an_edit_among_many_short_lines_moves_no_border_further_away() -> None:
    lines = [f"第{number}项办理指南，每周一至周五受理。" for number in range(400)]
    changed = [*lines]
    changed[200] = "这一项已经取消，请到一楼服务台咨询，由值班馆员另行说明办理的办法和所需的材料。"
    before = {passage.id for passage in split_passages("x", "\n".join(lines))}
    after = {passage.id for passage in split_passages("x", "\n".join(changed))}
    assert len(before - after) <= 8


def test_blocks_keep_page_and_clause() -> None:
    text = "4.3 强度\n应不小于 20 MPa。\n4.4 外观\n不得有裂纹。\n"
    middle = text.index("4.4")
    blocks = [
        Block(start=0, end=middle, headings=("4 要求",), page=12, clause="4.3"),
        Block(start=middle, end=len(text), headings=("4 要求",), page=13, clause="4.4"),
    ]
    told = [(p.page, p.clause, p.text) for p in split_passages("x", text, blocks=blocks)]
    assert told == [(12, "4.3", "4.3 强度\n应不小于 20 MPa。"), (13, "4.4", "4.4 外观\n不得有裂纹。")]
