"""What a topic (定题) looks for: words that must all occur, with alternatives. Pure.

``动力电池 热扩散|底部撞击`` fits a text with 动力电池 and one of the other two. A word occurs when it stands in the
text as written (case, script and width folded by the tokeniser), or all its parts do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Tokens = Callable[[str], Sequence[str]]
"""The index's own tokeniser: folded words, and character pairs of Chinese."""

MAX_WORDS = 12
_SPACE = re.compile(r"[\s,，、;；]+")
_OR = re.compile(r"[|｜]|或者|或")


@dataclass(frozen=True, slots=True)
class Profile:
    """Groups that must all fit; of a group any word will do."""

    groups: tuple[tuple[str, ...], ...]

    def fits(self, text: str, tokens: Tokens) -> bool:
        """Does a text belong to the topic?"""
        if not self.groups:
            return False
        present = set(tokens(text))
        return all(any(_occurs(word, present, tokens) for word in group) for group in self.groups)


def parse(query: str) -> Profile:
    """The profile that a query describes.

    >>> parse("动力电池 热扩散|底部撞击").groups
    (('动力电池',), ('热扩散', '底部撞击'))
    """
    groups = []
    for part in _SPACE.split(query.strip())[:MAX_WORDS]:
        words = tuple(word for word in _OR.split(part) if word)
        if words:
            groups.append(words)
    return Profile(tuple(groups))


def _occurs(word: str, present: set[str], tokens: Tokens) -> bool:
    parts = set(tokens(word))
    longer = {part for part in parts if len(part) > 1} or parts
    return bool(longer) and longer <= present
