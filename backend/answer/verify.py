"""Does a quotation support a sentence? Pure and strict: what cannot be shown is not said.

Each clause of a sentence must be found, in its order, in one line of what it cites (a sentence of a quotation, or one
member's holding of a cited record). What remains may only be glue (根据, 因此, 的 …). On top of that every number
with its unit must be in the quotations, and no word that turns the meaning (不, 未, 禁止, 仅 …) may have been added or
left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from typing import Literal

from backend.answer.numerals import arabic, numbers
from backend.search.query import folded

Reason = Literal["no_quotation", "not_in_source", "number", "turned"]

_CLAUSE = re.compile(r"[，,；;。！!？?\n]+|(?<!\d):|:(?!\d)|\s{2,}")
_LINE = re.compile(r"[。！？!?；;\n]+")
_TURNING = re.compile(
    r"不|没|无(?!线|论|障碍)|非(?!常)|未(?!来)|勿|莫|禁|拒|停|仅|只|除|免|\bnot?\b|n't\b|\bnever\b|\bonly\b|\bexcept\b"
)
_GLUE_WORDS = re.compile(
    r"根据|按照|依据|依照|据此|因此|所以|但是|不过|其中|此外|另外|同时|以及|并且|而且|也就是说|也就是|即是|即为|具体来说|具体而言|"
    r"总的来说|综上|例如|比如|包括|分别是|分别为|分别|如下|所述|记载|资料显示|资料|显示|介绍|说明|规定|提到|指出|"
    r"\b(?:according to|the|and|is|are|was|were|of|in|on|at|to|a|an|it|its|this|that|by|for|as|from|also|which)\b"
)
_GLUE = set(
    "的了是在为有和与及于由从到对把被将也都就而且则其该这那等着过之以所并又或者呢吧啊您们它他她中里上下时约共即某各、 "
)
_BOUND = re.compile(r"[以之][上下前后内外]|(?<![一])[上下]午")
"""Bounds written in characters that are glue elsewhere: 以上 is not 以下."""
_OMITTED = re.compile(r".*[的地,，、:：]|[，,].*|、.+")
"""What a clause may leave out of its line: an attribute, a phrase of its own, a member of a list; no part of a name."""
_MARKUP = re.compile(r"[*_`#>|~\"'“”‘’《》〈〉「」『』（）()\[\]【】·・—\-–…\s]+|(?<!\d)\.|\.(?!\d)")
_SHORT = 2
"""Characters in a row that must agree to count as found; shorter agreement is chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``supported`` with no reason, or the first reason against."""

    supported: bool
    reason: Reason | None = None
    part: str = ""


def verify(sentence: str, quotes: Sequence[str], *, lines: Sequence[str] = (), known: Sequence[str] = ()) -> Verdict:
    """Is every clause of ``sentence`` supported?

    :param quotes: the exact quotations that the sentence cites.
    :param lines: further facts of the cited sources, one a line (a member's holding as shown to readers).
    :param known: names that may be said freely (titles of cited sources, the member whose rule it is).
    """
    if not any(quote.strip() for quote in quotes):
        return Verdict(supported=False, reason="no_quotation")
    said = _plain(sentence)
    for name in sorted((_plain(name) for name in known), key=len, reverse=True):
        said = said.replace(name, "，") if name else said
    stands = [line for quote in quotes for line in _lines(_plain(quote))] + [_plain(line) for line in lines]
    given = {pair for line in stands for pair in numbers(line)}
    for pair in numbers(said):
        if pair not in given and not (pair[1] == "" and any(value == pair[0] for value, _ in given)):
            return Verdict(supported=False, reason="number", part="".join(pair))
    for clause in _CLAUSE.split(said):
        verdict = _clause(clause, stands)
        if not verdict.supported:
            return verdict
    return Verdict(supported=True)


def support(clause_or_sentence: str, line: str) -> float:
    """Share (0–1) of the characters that ``line`` holds in order: to find the quotation of a sentence."""
    said, stands = _bare(_plain(clause_or_sentence)), _bare(_plain(line))
    matched = sum(size for _, _, size in _blocks(said, stands))
    return matched / len(said) if said else 0.0


def _plain(text: str) -> str:
    return arabic(folded(text))


def _bare(text: str) -> str:
    return _MARKUP.sub("", text)


def _lines(quote: str) -> list[str]:
    """The sentences of a quotation, and the whole: a clause may run over a full stop inside a number or a name."""
    parts = [part for part in _LINE.split(quote) if part.strip()]
    return parts or [quote]


def _clause(clause: str, stands: Sequence[str]) -> Verdict:
    said = _bare(_GLUE_WORDS.sub(lambda m: m.group() if any(m.group() in line for line in stands) else "", clause))
    if not said or all(c in _GLUE for c in said):
        return Verdict(supported=True)
    verdicts = [_against(said, _bare(line), line) for line in stands]
    supported = next((verdict for verdict in verdicts if verdict.supported), None)
    turned = next((verdict for verdict in verdicts if verdict.reason == "turned"), None)
    return supported or turned or Verdict(supported=False, reason="not_in_source", part=clause.strip())


def _against(said: str, line: str, spoken: str) -> Verdict:
    """One clause against one line."""
    if said in line:
        return _kept_turning(said, line)
    blocks = _blocks(said, line)
    rest = _outside(said, [(a, a + size) for a, _, size in blocks])
    if any(c not in _GLUE for c in "".join(rest)):
        return Verdict(supported=False, reason="not_in_source", part="".join(rest))
    if not blocks:
        return Verdict(supported=False, reason="not_in_source", part=said)
    if any(_spliced(line, left, right) for left, right in pairwise(blocks)):
        return Verdict(supported=False, reason="not_in_source", part=said)
    start, end = blocks[0][1], blocks[-1][1] + blocks[-1][2]
    skipped = _outside(line[start:end], [(b - start, b - start + size) for _, b, size in blocks])
    if any(_TURNING.search(part) for part in skipped) or not _same_bounds(said, line):
        return Verdict(supported=False, reason="turned", part=said)
    if any(not _OMITTED.fullmatch(part) and any(c not in _GLUE for c in part) for part in skipped):
        return Verdict(supported=False, reason="not_in_source", part=said)
    return _around(line, start, end, said, spoken)


def _same_bounds(said: str, line: str) -> bool:
    """Does every bound in ``said`` stand in the line behind the same character?"""
    return all(said[max(match.start() - 1, 0) : match.end()] in line for match in _BOUND.finditer(said))


def _spliced(line: str, left: tuple[int, int, int], right: tuple[int, int, int]) -> bool:
    """Do two agreements join the middles of two clauses? A subject may be carried over to the start of a later one."""
    skipped = line[left[1] + left[2] : right[1]]
    return bool(re.search(r"[，,:]", skipped)) and not skipped.endswith(("，", ",", ":"))


def _kept_turning(said: str, line: str) -> Verdict:
    """A clause that stands in the line as it is, but perhaps just behind the word that turns it."""
    start = line.find(said)
    while start >= 0:
        verdict = _around(line, start, start + len(said), said, line)
        if verdict.supported:
            return verdict
        start = line.find(said, start + 1)
    return Verdict(supported=False, reason="turned", part=said)


def _around(line: str, start: int, end: int, said: str, spoken: str) -> Verdict:
    before = re.split(r"[，,：:]", line[:start])[-1][-4:]
    after = re.split(r"[，,：:]", line[end:])[0][:2]
    if _TURNING.search(before) or (_TURNING.match(after) and not spoken.startswith(said)):
        return Verdict(supported=False, reason="turned", part=said)
    return Verdict(supported=True)


def _blocks(said: str, line: str) -> list[tuple[int, int, int]]:
    matcher = SequenceMatcher(None, said, line, autojunk=False)
    return [tuple(block) for block in matcher.get_matching_blocks() if block.size >= _SHORT]  # type: ignore[misc]


def _outside(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    parts, at = [], 0
    for start, end in spans:
        parts.append(text[at:start])
        at = end
    parts.append(text[at:])
    return [part for part in parts if part]
