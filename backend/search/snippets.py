"""The stretch of a passage that a hit shows, and what of it the question touched. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.normalise import fold_with_offsets

SNIPPET = 180
"""Characters of a snippet at most."""

Span = tuple[int, int]


def highlights(text: str, tokens: Sequence[str]) -> list[Span]:
    """Where ``tokens`` (folded) occur in ``text``: sorted, merged ``[start, end)`` spans of the original characters."""
    folded, offsets = fold_with_offsets(text)
    wanted = {token for token in tokens if len(token) > 1} or set(tokens)
    spans: list[Span] = []
    for token in wanted:
        at = folded.find(token)
        while at >= 0:
            if _whole_word(folded, at, token):
                spans.append((offsets[at], offsets[at + len(token) - 1] + 1))
            at = folded.find(token, at + 1)
    return _merged(spans)


def snippet(
    text: str, tokens: Sequence[str], *, otherwise: Sequence[str] = (), limit: int = SNIPPET
) -> tuple[str, tuple[Span, ...]]:
    """At most ``limit`` characters of ``text`` around its densest highlights, with the highlights in it.

    ``otherwise``: tokens that are marked where none of ``tokens`` occurs.
    """
    spans = highlights(text, tokens) or highlights(text, otherwise)
    start = _window(text, spans, limit)
    end = min(len(text), start + limit)
    inside = tuple((a - start, b - start) for a, b in spans if a >= start and b <= end)
    return text[start:end], inside


def _window(text: str, spans: Sequence[Span], limit: int) -> int:
    if len(text) <= limit or not spans:
        return 0
    best, best_cover = 0, -1
    for first, (start, _) in enumerate(spans):
        cover = sum(b - a for a, b in spans[first:] if b <= start + limit)
        if cover > best_cover:
            best, best_cover = start, cover
    start = max(0, min(best - limit // 6, len(text) - limit))
    sentence = max(text.rfind(mark, start, best) for mark in "。！？；\n")
    return sentence + 1 if sentence >= 0 and best - sentence < limit // 3 else start


def _whole_word(folded: str, at: int, token: str) -> bool:
    if not token.isascii():
        return True
    before = folded[at - 1] if at else " "
    after = folded[at + len(token)] if at + len(token) < len(folded) else " "
    return not (_ascii_word(before) or _ascii_word(after))


def _ascii_word(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
