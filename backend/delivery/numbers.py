"""Request numbers: short enough to read out, random so that nobody can count or guess them, with a check character."""

from __future__ import annotations

import re
import secrets

ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""30 characters without 0/O, 1/I/L, U."""

NUMBER = re.compile(rf"LW-?([{ALPHABET}]{{4}})-?([{ALPHABET}]{{5}})", re.IGNORECASE)


def new_number() -> str:
    """``LW-XXXX-XXXXX``: eight random characters (6.6 · 10¹¹ numbers) and a check character.

    >>> number = new_number()
    >>> parse_number(number) == number
    True
    """
    body = "".join(secrets.choice(ALPHABET) for _ in range(8))
    return f"LW-{body[:4]}-{body[4:]}{_check(body)}"


def parse_number(text: str) -> str | None:
    """The number as we write it, or None when it is none of ours (a mistyped one is recognised)."""
    found = NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    body = (found[1] + found[2]).upper()
    return f"LW-{body[:4]}-{body[4:]}" if _check(body[:8]) == body[8] else None


def _check(body: str) -> str:
    total = sum((position + 1) * ALPHABET.index(character) for position, character in enumerate(body))
    return ALPHABET[total % 29]
