"""Identifiers that sort by time and cannot be guessed."""

from __future__ import annotations

import secrets
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32, lower case


def new_id(prefix: str = "") -> str:
    """A 26-character id: 48 bits of milliseconds, then 80 random bits (the layout of ULID).

    >>> len(new_id()), new_id("t_")[:2]
    (26, 't_')
    """
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    return prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
