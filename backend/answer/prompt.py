"""Prompts as files: one Markdown file each under ``prompts/``, read once at start-up, named in an answer's provenance.

What comes from sources and readers is put in as data: fenced with a word nobody can guess, and unable to look like a
fence or a citation mark.
"""

from __future__ import annotations

import hashlib
import math
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import backend
from backend.answer.values import Language
from backend.core.errors import ConfigurationError

DIRECTORY = Path(backend.__file__).parents[1] / "prompts"
_PARTS = re.compile(r"^# (system|user)\s*$", re.MULTILINE)
_AROUND = 2
"""Tokens of a line's end and its share of the fence."""

_MARK = re.compile(r"[\[［](\s*\d+\s*)[\]］]")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A system text and a user text with ``{member}``, ``{fence}``, ``{evidence}`` and ``{question}``."""

    name: str
    system: str
    user: str

    def messages(
        self, *, question: str, evidence: Sequence[str], member: str, budget: int = 6_000
    ) -> list[tuple[str, str]]:
        """(role, text) for one question over numbered pieces of evidence, cut to ``budget`` tokens in all."""
        fence = f"资料-{secrets.token_hex(6)}"
        room = budget - sum(map(tokens, (self.system, self.user, question, member)))
        kept = fitted([as_data(text) for text in evidence], room)
        fenced = "\n".join(
            f"<{fence} 编号={number}>\n{text}\n</{fence}>" for number, text in enumerate(kept, start=1) if text
        )
        parts = {"member": as_data(member) or "-", "fence": fence, "evidence": fenced, "question": as_data(question)}
        filled = re.sub(r"\{(member|fence|evidence|question)\}", lambda match: parts[match.group(1)], self.user)
        return [("system", self.system), ("user", filled)]


def as_data(text: str) -> str:
    """Text that can neither close a fence nor pass for a citation mark."""
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return _MARK.sub(r"（\1）", plain.replace("<", "＜").replace(">", "＞"))


def tokens(text: str) -> int:
    """About how many tokens a model makes of the text: never fewer than those of common tokenisers on Chinese."""
    latin = sum(c.isascii() for c in text)
    return math.ceil((len(text) - latin) * 1.2 + latin / 3)


def fitted(evidence: Sequence[str], room: int) -> list[str]:
    """The evidence cut to ``room`` tokens: whole lines from the best source down; ``""`` where nothing fits.

    The best source always keeps its first lines up to a third of the room, however long they are.
    """
    kept: list[str] = []
    for text in evidence:
        lines: list[str] = []
        for line in text.split("\n"):
            cost = tokens(line) + _AROUND
            cut = cost > room and not (lines or any(kept))
            if cut:
                line = line[: max(1, room // 3)]
                cost = tokens(line) + _AROUND
            if cost > room:
                break
            room -= cost
            lines.append(line)
            if cut:
                break
        kept.append("\n".join(lines) if len(lines) > 1 or not kept else "")
    return kept


def load(name: str, directory: Path = DIRECTORY) -> Prompt:
    """The prompt in ``{name}.md``.

    :raises ConfigurationError: when it is missing or lacks a part.
    """
    path = directory / f"{name}.md"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"the prompt {path.name} cannot be read") from error
    parts = _PARTS.split(text)
    found = dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
    if not found.get("system") or not found.get("user"):
        raise ConfigurationError(f"the prompt {path.name} needs a '# system' and a '# user' part")
    version = hashlib.sha256(text.encode()).hexdigest()[:8]
    return Prompt(name=f"{name}@{version}", system=found["system"], user=found["user"])


def answer_prompts(directory: Path = DIRECTORY) -> dict[Language, Prompt]:
    """The prompt that words answers, in each language that readers ask in."""
    return {"zh": load("answer", directory), "en": load("answer-en", directory)}
