"""What the two MARC mappings share: cleaning of values and reading of fields."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pymarc

# ISBD marks that end an element because another follows; brackets that only say "supplied by the cataloguer".
_TRAILING = re.compile(r"[\s/:;,=＝／：；，]+$")
_CONTROL = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\ufeff]")


def clean(value: str | None) -> str:
    """A value without control characters, non-sorting marks, trailing ISBD punctuation and doubled spaces."""
    if not value:
        return ""
    bare = re.sub(r"\s+", " ", _CONTROL.sub("", value)).strip()
    return _TRAILING.sub("", bare).strip()


def undotted(value: str) -> str:
    """``value`` without the full stop that ends a field, unless it ends an abbreviation such as ``Inc.``."""
    return (
        value[:-1].rstrip()
        if value.endswith(".") and not re.search(r"(\b\w|\b(Co|Inc|Ltd|Jr|etc))\.$", value)
        else value
    )


def unbracketed(value: str) -> str:
    """``[1994]`` and ``[北京`` as ``1994`` and ``北京``."""
    return value.strip("[]〔〕 ")


def firsts(fields: Iterable[pymarc.Field], code: str) -> list[str]:
    """The first ``code`` of each field, cleaned, empty ones left out."""
    return [value for field in fields if (value := clean(next(iter(field.get_subfields(code)), "")))]


def every(fields: Iterable[pymarc.Field], *codes: str) -> list[str]:
    """Every value of ``codes`` in each field, cleaned, in order."""
    return [value for field in fields for raw in field.get_subfields(*codes) if (value := clean(raw))]


def control(record: pymarc.Record, tag: str) -> str:
    """The content of a control field, or nothing."""
    field = record.get(tag)
    return (field.data or "").strip() if field is not None and field.is_control_field() else ""


def unique(values: Iterable[str]) -> tuple[str, ...]:
    """Without repetition, in order."""
    return tuple(dict.fromkeys(value for value in values if value))


def data_fields(record: pymarc.Record, *tags: str) -> list[pymarc.Field]:
    """Fields of these tags that have subfields (a broken record may give a data tag as a control field)."""
    return [field for field in record.get_fields(*tags) if not field.is_control_field()]
