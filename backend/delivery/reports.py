"""The figures as librarians read them: tables with names for codes, each with a chart and a CSV.

A librarian sees their own library's figures and what the consortium gave and got; the office sees everything.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from backend.consortium import store as consortium
from backend.core.access import Role, Staff
from backend.core.days import midnight
from backend.core.db import Database
from backend.core.errors import InputError, NotFound
from backend.delivery import figures, store
from backend.delivery.figures import Line
from backend.delivery.quote import yuan
from backend.delivery.views import names

Cell = str | int | float
LONGEST = timedelta(days=3660)
LAST_YEAR = 2999
SERVICES = {"loan": "借阅", "copy": "复制", "": ""}
LINE_HEADS = ("申请", "满足", "未满足", "取消", "办理中", "满足率 %", "中位天数", "90% 天数")
INDICATORS = {
    "Percentage of Successful Interlibrary Loans": (
        "馆际互借成功率",
        "有结果的申请中得到满足的比例",
    ),
    "Speed of Interlibrary Lending": ("馆际互借速度", "从提出申请到提供的天数的中位数"),
    "Interlibrary supplies": ("馆际提供量", "向其他成员馆提供的借阅与复制"),
}
UNITS = {"days": "天", "supplies": "件", "%": "%"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of figures. ``charted``: the columns (by index) that a bar chart draws; ``label``: how many leading
    columns name a row. ``links``: the row's own statement, by key."""

    key: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    charted: tuple[int, ...] = ()
    label: int = 1
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ask:
    """What is reported to whom: ``member`` None: everything."""

    session: Session
    since: datetime
    until: datetime
    member: str | None
    called: Mapping[str, str]

    def name(self, code: str) -> str:
        return self.called.get(code, code)

    def lines(self, *by: str) -> list[Line]:
        return figures.grouped(self.session, by=by, since=self.since, until=self.until, member=self.member)


class Reports:
    """The desk's figures over the delivery queue."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def tables(self, *, staff: Staff, since: date, until: date) -> list[Table]:
        """Every table, for requests and supplies from ``since`` to ``until`` (both days included).

        :raises InputError: for a span that cannot be used.
        """
        with self._database.read() as session:
            ask = self._ask(session, staff, since, until)
            return [make(ask) for make in TABLES.values()]

    def table(self, key: str, *, staff: Staff, since: date, until: date) -> Table:
        """One table, or the statement of an agreement (``statement-ID``). :raises NotFound: when there is none."""
        with self._database.read() as session:
            ask = self._ask(session, staff, since, until)
            if key.startswith("statement-"):
                return _statement(ask, key.removeprefix("statement-"))
            make = TABLES.get(key)
            if make is None:
                raise NotFound("没有这张统计表。")
            return make(ask)

    def _ask(self, session: Session, staff: Staff, since: date, until: date) -> _Ask:
        if until < since:
            raise InputError("结束日期早于开始日期。", detail={"where": "until"})
        if until - since > LONGEST or until.year > LAST_YEAR:
            raise InputError("统计区间至多十年。", detail={"where": "since"})
        member = None if staff.role is Role.OFFICE else staff.member or ""
        end = midnight(until + timedelta(days=1))
        return _Ask(session=session, since=midnight(since), until=end, member=member, called=names(session))


def to_csv(table: Table) -> str:
    """The table for a spreadsheet: UTF-8 with a byte order mark (Excel reads it then), no cell that is a formula."""
    return "\ufeff" + figures.cells_to_csv([table.columns, *table.rows])


def _indicators(ask: _Ask) -> Table:
    given = figures.exchanges(ask.session, since=ask.since, until=ask.until)
    mine = [each for each in given if ask.member in (None, each.member)]
    days = [p.days for p in store.placed_between(ask.session, ask.since, ask.until, ask.member) if p.days is not None]
    found = figures.indicators(ask.lines(), mine, speed=statistics.median(days) if days else None)
    return Table(
        key="indicators",
        title="ISO 11620 指标",
        columns=("指标", "英文名", "值", "单位", "算法"),
        rows=tuple(
            (INDICATORS[each.name][0], each.name, _number(each.value), UNITS[each.unit], INDICATORS[each.name][1])
            for each in found
        ),
    )


def _line(line: Line) -> tuple[Cell, ...]:
    percent = None if line.fill is None else 100 * line.fill
    return (
        line.requests, line.filled, line.unfilled, line.cancelled, line.open,
        _number(percent), _number(line.median_days), _number(line.p90_days),
    )  # fmt: skip


def _months(ask: _Ask) -> Table:
    rows = tuple((line.month, *_line(line)) for line in ask.lines("month"))
    return Table(key="months", title="各月的申请", columns=("月份", *LINE_HEADS), rows=rows, charted=(1, 2))


def _members(ask: _Ask) -> Table:
    rows = tuple((ask.name(line.member), *_line(line)) for line in ask.lines("member"))
    return Table(key="members", title="各馆读者的申请", columns=("申请馆", *LINE_HEADS), rows=rows, charted=(1, 2))


def _services(ask: _Ask) -> Table:
    rows = tuple((SERVICES[line.service], *_line(line)) for line in ask.lines("service"))
    return Table(key="services", title="按服务方式", columns=("方式", *LINE_HEADS), rows=rows)


def _cells(ask: _Ask) -> Table:
    rows = tuple(
        (line.month, ask.name(line.member), SERVICES[line.service], *_line(line))
        for line in ask.lines(*figures.BY_CELL)
    )
    heads = ("月份", "申请馆", "方式", *LINE_HEADS)
    return Table(key="cells", title="按月、馆、方式细分", columns=heads, rows=rows, label=3)


def _supplying(ask: _Ask) -> Table:
    found = figures.supplying(ask.session, since=ask.since, until=ask.until, member=ask.member)
    rows = tuple(
        (
            ask.name(each.supplier), each.asked, each.supplied, each.declined, each.expired,
            _number(None if each.fill is None else 100 * each.fill), _number(each.median_days), _number(each.p90_days),
        )
        for each in found
    )  # fmt: skip
    heads = ("供书馆", "被询问", "提供", "谢绝", "逾时", "提供率 %", "中位天数", "90% 天数")
    return Table(key="supplying", title="供书馆的答复", columns=heads, rows=rows, charted=(1, 2))


def _exchanges(ask: _Ask) -> Table:
    found = figures.exchanges(ask.session, since=ask.since, until=ask.until)
    rows = tuple((ask.name(each.member), each.gave, each.got, each.net) for each in found)
    heads = ("成员馆", "提供给他馆", "得自他馆", "差额")
    return Table(key="exchanges", title="各馆提供与得到", columns=heads, rows=rows, charted=(1, 2))


def _settlements(ask: _Ask) -> Table:
    found = [
        each
        for each in figures.settlements(ask.session, since=ask.since, until=ask.until)
        if ask.member in (None, each.debtor, each.creditor)
    ]
    rows = tuple(
        (
            ask.name(each.debtor), ask.name(each.creditor), SERVICES[each.service], each.supplies, each.pages,
            yuan(each.amount_fen),
        )
        for each in found
    )  # fmt: skip
    heads = ("应付馆", "应收馆", "方式", "件数", "页数", "金额（元）")
    links = tuple(f"statement-{each.agreement}" for each in found)
    return Table(key="settlements", title="按协议结算", columns=heads, rows=rows, label=3, links=links)


def _statement(ask: _Ask, agreement: str) -> Table:
    known = next((each for each in consortium.agreements(ask.session) if each.id == agreement), None)
    if known is None or ask.member not in (None, known.requester, known.supplier):
        raise NotFound("没有这份协议，或它与贵馆无关。")
    found = figures.statement(ask.session, agreement, since=ask.since, until=ask.until)
    rows: list[tuple[Cell, ...]] = [
        (each.date, each.number, each.title, each.pages if each.pages is not None else "", yuan(each.amount_fen))
        for each in found
    ]
    total = sum(each.amount_fen for each in found)
    rows.append(("合计", f"{len(found)} 件", "", sum(each.pages or 0 for each in found), yuan(total)))
    title = f"结算单：{ask.name(known.requester)}应付{ask.name(known.supplier)}（{SERVICES[known.service]}）"
    heads = ("日期", "单号", "文献", "页数", "金额（元）")
    return Table(key=f"statement-{agreement}", title=title, columns=heads, rows=tuple(rows))


def _number(value: float | None) -> Cell:
    return "—" if value is None else round(value, 1)


TABLES: Mapping[str, Callable[[_Ask], Table]] = {
    "indicators": _indicators,
    "months": _months,
    "members": _members,
    "services": _services,
    "supplying": _supplying,
    "exchanges": _exchanges,
    "settlements": _settlements,
    "cells": _cells,
}
