"""MARC in, record out: each ``marc/NAME.mrk`` is written as ISO 2709 and read; ``marc/NAME.json`` says what must come.

After a wanted change, ``python -m tests.golden.test_marc_records`` writes the JSON anew, to be read before it is kept.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pymarc
import pytest

from indexer.entries import encode
from indexer.sources.marc import read_iso2709_stream
from indexer.sources.marc_lines import read_lines_stream, record_of_lines
from indexer.sources.marcxml import read_marcxml_stream
from indexer.sources.values import Outcomes, Read
from tests.indexer.factories import as_bytes, as_xml

FOLDER = Path(__file__).with_name("marc")
CASES = sorted(path.stem for path in FOLDER.glob("*.mrk"))


def lines(name: str) -> bytes:
    return (FOLDER / f"{name}.mrk").read_bytes()


def parsed(name: str) -> pymarc.Record:
    return record_of_lines(lines(name).decode().splitlines())


def said(outcomes: Outcomes) -> dict[str, Any]:
    (outcome,) = outcomes
    assert isinstance(outcome, Read), outcome
    found: dict[str, Any] = json.loads(encode(outcome.thing))["r"]
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_record_says_what_its_golden_file_says_from_every_form_of_marc(name: str) -> None:
    expected = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    binary, xml = as_bytes(parsed(name)), as_xml(parsed(name))
    assert said(read_iso2709_stream(io.BytesIO(binary))) == expected
    assert said(read_marcxml_stream(io.BytesIO(xml), name=name)) == expected
    assert said(read_lines_stream(io.BytesIO(lines(name)))) == expected


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("cnmarc")])
def test_a_record_in_gb18030_says_the_same(name: str) -> None:
    expected = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert said(read_iso2709_stream(io.BytesIO(as_bytes(parsed(name), "gb18030")))) == expected


def write() -> None:
    for name in CASES:
        told = json.dumps(said(read_lines_stream(io.BytesIO(lines(name)))), ensure_ascii=False, indent=1)
        (FOLDER / f"{name}.json").write_text(told + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
