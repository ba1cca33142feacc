"""Which column of a table holds what: by the headings that libraries use, or by a map that a person gives. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from indexer.normalise import fold
from indexer.sources.encoding import decode_text
from indexer.sources.values import SourceError

HEADINGS = {
    "id": "id 编号 记录号 控制号 record_id 主键 标识 唯一标识 identifier mms_id 系统号",
    "title": "title 题名 书名 标题 名称 正题名 题目 问题 question 标准名称 标准中文名称 刊名 篇名 文献题名 "
    "中文名称 standard_name 题名与责任者 文章标题 论文题目 成果名称 标准题名 book_title 图书名称",
    "text": "text 正文 内容 全文 答案 回答 answer content body 摘要 简介 提要 内容提要 内容简介 abstract summary 说明 "
    "description 适用范围 范围",
    "kind": "kind 类型 类别",
    "date": "date 日期 发布日期 出版日期 出版时间 发布时间 时间 published 发表时间 publication_date pubdate",
    "url": "url 链接 网址 地址 link 原文链接 来源链接 原文地址",
    "language": "language 语种 语言 lang",
    "creators": "creators creator author authors 作者 责任者 著者 第一责任者 著作者 起草单位 作者姓名 主要责任者 "
    "编著者 完成人",
    "publisher": "publisher 出版社 出版者 出版单位 发布单位 发布部门 出版机构",
    "place": "place 出版地",
    "year": "year 年份 出版年 年代 出版年份 year_of_publication publication_year",
    "edition": "edition 版本 版次 版本项",
    "isbn": "isbn 国际标准书号 书号 isbn号 isbn/issn isbn13 isbn-13 isbn10 isbn号码",
    "issn": "issn issn号 国际标准刊号",
    "subjects": "subjects subject 主题 主题词 关键词 keywords 标签 keyword 学科",
    "series": "series 丛书 丛书名 丛编 丛书题名",
    "extent": "extent 页数 页码 页数及开本",
    "price": "price 价格 定价 单价",
    "number": "number 标准号 标准编号 standard_number std_no 标准代号 standard_no",
    "status": "status 状态 标准状态 时效性",
    "issue_date": "issue_date issued 颁布日期 批准日期 公布日期",
    "effective_date": "effective_date effective 实施日期 生效日期 施行日期",
    "replaces": "replaces 代替 代替标准 替代标准 被代替标准 代替标准号",
    "replaced_by": "replaced_by 被代替 被替代 替代情况 被代替情况 被替代情况",
    "call_number": "call_number 索书号 索取号 排架号 callnumber call_no shelf_mark",
    "classification": "classification 分类号 中图分类号 中图法分类号 clc",
    "barcode": "barcode 条码 条码号 条形码 财产号 登录号 馆藏条码 item_barcode",
    "location": "location 馆藏地 馆藏地点 馆藏地址 所在地 馆藏位置 馆藏部门 所在馆藏地",
    "member": "member 馆代码 成员馆 馆藏单位 所属馆 馆名 分馆",
    "holding_status": "holding_status 馆藏状态 流通状态 书刊状态",
    "": "序号 no. no 行号 #",
}
"""Field → headings that mean it; those of the empty field are passed over (a running number is nobody's id)."""
_KNOWN = {fold(name): field for field, names in HEADINGS.items() for name in names.split()}
_LINE = re.compile(r"^\s*(?P<heading>[^=＝:：,\t]+?)\s*[=＝:：,\t]\s*(?P<field>\S+)\s*$")


def field_of(heading: str, columns: Mapping[str, str]) -> str | None:
    """The field that a heading means: by the map first; None for an unknown one, empty for one to pass over."""
    key = _key(heading)
    mapped = {_key(name): field for name, field in columns.items()}.get(key)
    if mapped is not None:
        return "" if mapped in ("-", "忽略") else mapped
    bare = re.sub(r"[（(【\[].*?[)）】\]]|[*＊:：]", "", key)
    return _KNOWN.get(key, _KNOWN.get(bare))


def _key(heading: str) -> str:
    return re.sub(r"\s+", "", fold(heading))


def fields_of(cells: Sequence[str], columns: Mapping[str, str]) -> list[str] | None:
    """The field of each column, an unknown heading standing for itself; None when no column holds a title."""
    told = [field_of(cell, columns) if cell else "" for cell in cells]
    if "title" not in told:
        return None
    return [cell if field is None else field for cell, field in zip(cells, told, strict=True)]


def kind_of(fields: Sequence[str]) -> str | None:
    """What a table holds, when its columns tell: books have an ISBN or a shelf mark, standards a number and a state."""
    there = set(fields)
    if "kind" in there:
        return None
    if there & {"isbn", "call_number", "barcode"}:
        return "catalogue"
    return "standard" if "number" in there and there & {"status", "effective_date", "replaces"} else None


def joined_headings(upper: Sequence[str], lower: Sequence[str], columns: Mapping[str, str]) -> list[str] | None:
    """Two rows of headings as one (merged cells above, what they hold below); None when the lower row is no heading."""
    told = fields_of(upper, columns)
    filled = [place for place, cell in enumerate(lower) if cell]
    if told is None or not filled or any(place < len(told) and told[place] == "title" for place in filled):
        return None
    if sum(field_of(lower[place], columns) is not None for place in filled) * 2 <= len(filled):
        return None
    width = max(len(upper), len(lower))
    above = [*upper, *[""] * (width - len(upper))]
    below = [*lower, *[""] * (width - len(lower))]
    return [low or high for high, low in zip(above, below, strict=True)]


def check_map(columns: Mapping[str, str], headings: Sequence[str]) -> None:
    """:raises SourceError: when the map names a heading that the table does not have."""
    there = {_key(cell) for cell in headings}
    missing = [name for name in columns if _key(name) not in there]
    if missing:
        raise SourceError(
            f"列映射里的列不在表中：{'、'.join(missing)}；表中的列是：{'、'.join(filter(None, headings[:20]))}"
        )


def columns_from(told: str) -> dict[str, str]:
    """A column map from ``题名=title,条码号=barcode``, or from a file of such lines or a JSON object.

    :raises SourceError: when it is neither.
    """
    path = Path(told).expanduser()
    try:
        text = decode_text(path.read_bytes())[0] if "=" not in told and path.is_file() else told
    except OSError as error:
        raise SourceError(f"列映射文件无法读取：{told}") from error
    if text.lstrip().startswith("{"):
        try:
            read = json.loads(text)
        except ValueError as error:
            raise SourceError(f"列映射不是有效的 JSON：{error}") from error
        return {str(heading): str(field) for heading, field in read.items()}
    found: dict[str, str] = {}
    for line in re.split(r"[\n;；]" if "\n" in text else r"[,，;；]", text):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line)
        if match is None:
            raise SourceError(f"列映射写法有误：{line.strip()!r}，应为 列名=字段，例如 书名=title,条码号=barcode")
        found[match["heading"]] = match["field"]
    if not found:
        raise SourceError(f"列映射是空的：{told}")
    return found
