"""Counts by value → facets as a reader sees them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from backend.search.values import Facets, FacetValue

SHOWN = 50


def facets_of(counts: Mapping[str, Mapping[str, int]]) -> Facets:
    """The most frequent values of each facet first; years newest first; at most :data:`SHOWN` each."""
    return Facets(
        collection=_frequent(counts["collection"]),
        kind=_frequent(counts["kind"]),
        member=_frequent(counts["member"]),
        language=_frequent(counts["language"]),
        clc=_frequent(counts["clc"]),
        available=_frequent(counts["held"]),
        year=tuple(
            FacetValue(value=value, count=count)
            for value, count in sorted(counts["year"].items(), key=lambda entry: -int(entry[0]))[:SHOWN]
        ),
    )


def _frequent(values: Mapping[str, int]) -> tuple[FacetValue, ...]:
    ordered = sorted(values.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(FacetValue(value=value, count=count) for value, count in ordered[:SHOWN])
