"""Reads an evaluation set: passages ``{id, title, text}`` and questions ``{id, question, passage_ids}``, one a line."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from backend.core.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A text that a search may return, under the id that questions name it by."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question and the ids of the passages that answer it (at least one)."""

    id: str
    text: str
    relevant: tuple[str, ...]


_Line = TypeVar("_Line", Passage, Question)


def read_passages(path: Path) -> list[Passage]:
    """The passages of a JSONL file.

    :raises InputError: naming file and line, when one is no passage or repeats an id.
    """
    return _distinct(path, _passage)


def read_questions(path: Path) -> list[Question]:
    """The questions of a JSONL file.

    :raises InputError: naming file and line, when one is no question or repeats an id.
    """
    return _distinct(path, _question)


def digest(lines: Sequence[Passage] | Sequence[Question]) -> str:
    """Names a set by its content, whatever the order of its lines."""
    return hashlib.sha256("\n".join(sorted(map(repr, lines))).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _distinct(path: Path, read: Callable[[dict[str, Any]], _Line]) -> list[_Line]:
    found: dict[str, _Line] = {}
    for number, fields in _lines(path):
        try:
            line = read(fields)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path.name}, line {number}: {_reason(error)}") from error
        if line.id in found:
            raise InputError(f"{path.name}, line {number}: id {line.id!r} stands on an earlier line, too")
        found[line.id] = line
    if not found:
        raise InputError(f"{path.name} holds no line")
    return list(found.values())


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, _object(path, number, line)
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        fields = json.loads(line)
    except ValueError as error:
        raise InputError(f"{path.name}, line {number}: not JSON ({error})") from error
    if not isinstance(fields, dict):
        raise InputError(f"{path.name}, line {number}: not a JSON object")
    return fields


def _passage(fields: dict[str, Any]) -> Passage:
    return Passage(id=_text(fields, "id"), title=str(fields.get("title") or ""), text=_text(fields, "text"))


def _question(fields: dict[str, Any]) -> Question:
    relevant = fields["passage_ids"]
    if not isinstance(relevant, list) or not relevant or not all(isinstance(one, str) for one in relevant):
        raise ValueError("passage_ids is not a list of at least one id")
    return Question(id=_text(fields, "id"), text=_text(fields, "question"), relevant=tuple(dict.fromkeys(relevant)))


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is not a text")
    return value


def _reason(error: Exception) -> str:
    return f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
