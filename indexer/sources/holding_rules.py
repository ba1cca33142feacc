"""The rule file of holdings: which fields and subfields say who has what, and whose code is whose (TOML).

The rules that come with the program stand in ``holdings.toml`` beside this file, which also explains every key. A
library's own file replaces single fields and maps codes to members. What a code means is never guessed: one that no
rule maps stays as it is, and the load reports it with its count.
"""

from __future__ import annotations

import fnmatch
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast, get_args

from indexer.records import Holding, HoldingStatus
from indexer.sources.values import SourceError

_LISTS = ("member", "location", "barcode", "call_number", "call_parts", "note", "requires")
_WORDS = ("tag", "format", "copies", "status", "call_joiner", "refines")
_FORMATS = ("cnmarc", "marc21", "any")
_STATUSES: tuple[str, ...] = get_args(HoldingStatus)
_SECTIONS = ("field", "members", "locations", "statuses")


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """How one field tells holdings; see ``holdings.toml`` for the meaning of each."""

    tag: str
    format: str = "any"
    member: tuple[str, ...] = ()
    location: tuple[str, ...] = ()
    barcode: tuple[str, ...] = ()
    call_number: tuple[str, ...] = ()
    call_parts: tuple[str, ...] = ()
    call_joiner: str = "/"
    note: tuple[str, ...] = ()
    copies: str = ""
    status: str = ""
    flags: Mapping[str, HoldingStatus] = field(default_factory=dict)
    requires: tuple[str, ...] = ()
    refines: str = ""


@dataclass(frozen=True, kw_only=True)
class HoldingRules:
    """All rules of a load."""

    fields: tuple[FieldRule, ...]
    members: Mapping[str, str] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, HoldingStatus] = field(default_factory=dict)

    def of(self, format_: str) -> tuple[FieldRule, ...]:
        """The rules for records of a format (cnmarc or marc21), in order."""
        return self._by_format[format_]

    @cached_property
    def _by_format(self) -> dict[str, tuple[FieldRule, ...]]:
        return {name: tuple(rule for rule in self.fields if rule.format in (name, "any")) for name in _FORMATS[:2]}

    def member_of(self, *codes: str) -> str | None:
        """The member that the first known of ``codes`` stands for; None when none is known."""
        for code in codes:
            if code and (member := self._known_member(code)) is not None:
                return member
        return None

    def _known_member(self, code: str) -> str | None:
        wanted = _plain(code)
        exact = self._members.get(wanted)
        if exact is not None:
            return exact
        return next((member for pattern, member in self._patterns if fnmatch.fnmatchcase(wanted, pattern)), None)

    @cached_property
    def _members(self) -> dict[str, str]:
        return {_plain(code): member for code, member in self.members.items()}

    @cached_property
    def _patterns(self) -> list[tuple[str, str]]:
        return [(code, member) for code, member in self._members.items() if re.search(r"[*?\[]", code)]

    @cached_property
    def _places(self) -> dict[str, str]:
        return {_plain(code): name for code, name in self.locations.items()}

    @cached_property
    def _states(self) -> dict[str, HoldingStatus]:
        return {_plain(word): status for word, status in self.statuses.items()}

    def place(self, code: str) -> str:
        """The name of a place, or its code."""
        return self._places.get(_plain(code), code)

    def state(self, word: str) -> HoldingStatus | None:
        """What a status word means; None when no rule says so."""
        return self._states.get(_plain(word))

    def resolve(self, holding: Holding, home: str) -> tuple[Holding, str]:
        """A holding with its member, and the code that nobody maps (empty when all is clear).

        ``home`` is the member that the whole file is loaded for: unmapped codes are its own.
        """
        code = holding.member
        member = self.member_of(code, holding.location, *holding.location.split())
        if member is not None:
            said = holding.location.removeprefix(code).strip() if code != holding.location else ""
            return replace(holding, member=member, location=said), ""
        unknown = (code or "（无代码）") if self.members else ""
        return (replace(holding, member=home) if home else holding), unknown


def _plain(code: str) -> str:
    return unicodedata.normalize("NFKC", code).strip().casefold()


@cache
def built_in() -> HoldingRules:
    """The rules that come with the program."""
    return _read(Path(__file__).with_name("holdings.toml"), None)


def load_rules(path: Path) -> HoldingRules:
    """The rules of a file, over those that come with the program.

    :raises SourceError: when it cannot be read or says something it must not; the message names file, place and word.
    """
    return _read(path, built_in())


def _read(path: Path, base: HoldingRules | None) -> HoldingRules:
    try:
        said = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise SourceError(f"馆藏规则文件 {path} 无法读取：{error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SourceError(f"馆藏规则文件 {path} 不是 UTF-8 编码（第 {error.start} 字节）") from error
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"馆藏规则文件 {path} 不是有效的 TOML：{error}") from error
    try:
        return _rules(said, base)
    except ValueError as error:
        raise SourceError(f"馆藏规则文件 {path}：{error}") from error


def _rules(said: Mapping[str, Any], base: HoldingRules | None) -> HoldingRules:
    _known(said, _SECTIONS, "文件")
    listed = said.get("field", [])
    if not isinstance(listed, list):
        raise ValueError("field 要写成 [[field]]")
    fields = [_field(number, one) for number, one in enumerate(listed, start=1)]
    own = {rule.tag for rule in fields}
    kept = [rule for rule in base.fields if rule.tag not in own] if base else []
    statuses = {**(base.statuses if base else {}), **_table(said, "statuses")}
    for word, status in statuses.items():
        if status not in _STATUSES:
            raise ValueError(f"[statuses] {word} = {status!r}：只能是 {'、'.join(_STATUSES)}")
    return HoldingRules(
        fields=(*fields, *kept),
        members=_table(said, "members"),
        locations=_table(said, "locations"),
        statuses=cast(dict[str, HoldingStatus], statuses),
    )


def _table(said: Mapping[str, Any], name: str) -> dict[str, str]:
    table = said.get(name, {})
    if not isinstance(table, dict):
        raise ValueError(f"[{name}] 要写成一张表")
    for code, meaning in table.items():
        if not isinstance(meaning, str) or not meaning.strip():
            raise ValueError(f"[{name}] {code} 的值要是文字，加引号")
    return dict(table)


def _field(number: int, said: object) -> FieldRule:
    where = f"第 {number} 个 [[field]]"
    if not isinstance(said, dict):
        raise ValueError(f"{where} 要写成一张表")
    _known(said, (*_LISTS, *_WORDS, "flags"), where)
    tag = said.get("tag")
    if not isinstance(tag, str) or not re.fullmatch(r"[0-9A-Za-z]{3}", tag):
        raise ValueError(f'{where} 的 tag 要是三位字段号，例如 "905"')
    where += f"（{tag}）"
    for name in _WORDS:
        if name in said and not isinstance(said[name], str):
            raise ValueError(f"{where} 的 {name} 要是文字，加引号")
    if said.get("format", "any") not in _FORMATS:
        raise ValueError(f"{where} 的 format 只能是 {'、'.join(_FORMATS)}")
    lists = {name: _codes(said[name], f"{where} 的 {name}") for name in _LISTS if name in said}
    return FieldRule(**{**said, **lists, "flags": _flags(said.get("flags", {}), where)})


def _codes(said: object, where: str) -> tuple[str, ...]:
    listed = [said] if isinstance(said, str) else said
    if not isinstance(listed, list) or not all(isinstance(code, str) and len(code) == 1 for code in listed):
        raise ValueError(f'{where} 要是子字段代码的列表，例如 ["a", "b"]')
    return tuple(listed)


def _flags(said: object, where: str) -> dict[str, HoldingStatus]:
    if not isinstance(said, dict):
        raise ValueError(f'{where} 的 flags 要写成 {{ 子字段 = "状态" }}')
    for code, status in said.items():
        if len(code) != 1 or status not in _STATUSES:
            raise ValueError(f"{where} 的 flags：{code} = {status!r}；状态只能是 {'、'.join(_STATUSES)}")
    return cast(dict[str, HoldingStatus], dict(said))


def _known(said: Mapping[str, Any], allowed: tuple[str, ...], where: str) -> None:
    for name in said:
        if name not in allowed:
            raise ValueError(f"{where} 里有不认识的项目 {name!r}；可以用的是 {'、'.join(allowed)}")
