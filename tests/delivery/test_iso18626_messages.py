"""What is written validates; what others write is read; what is dangerous is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from backend.delivery.iso18626_read import envelope, message, moment, parse
from backend.delivery.iso18626_values import (
    ACTIONS,
    ONLY_2021,
    REASONS,
    REQUEST_TYPES,
    SERVICE_TYPES,
    STATUSES,
    Agency,
    Bibliographic,
    Confirmation,
    ErrorType,
    Fault,
    Message,
    Refused,
    Version,
)
from backend.delivery.iso18626_write import confirm, write
from tests.shared_data import shared

AT = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)
VERSIONS: tuple[Version, ...] = ("1.2", "2021-2")
ITEM = Bibliographic(title="图书馆联盟 & <研究>", author="许军林", isbn="9787564311292", year="2011", pages="1-9")


def examples(version: Version) -> list[Message]:
    """Every reason, status, action, request type and service that the version has."""
    common = {
        "version": version, "supplier": Agency(value="CN-2"), "requester": Agency(value="CN-1"), "timestamp": AT,
        "request_id": "LW-1", "multiple_item_id": "m", "note": "备注",
    }  # fmt: skip
    asked = [
        Message(kind="request", request_type=kind, service=service, item=ITEM, needed_by=AT, **common)  # type: ignore[arg-type]
        for kind in REQUEST_TYPES
        for service in SERVICE_TYPES
    ]
    told = [
        Message(
            kind="supplyingAgencyMessage", reason=reason, status=status, answer=True, due=AT, sent=AT,
            url="https://lib.example/f", loan_condition="LibraryUseOnly", costs=Decimal("12.50"), retry_after=AT,
            reason_retry="AtBindery", reason_unfilled="NotAvailable", **common,  # type: ignore[arg-type]
        )
        for reason in REASONS
        for status in STATUSES
        if version != "1.2" or status not in ONLY_2021
    ]  # fmt: skip
    acted = [
        Message(kind="requestingAgencyMessage", action=action, **common)  # type: ignore[arg-type]
        for action in ACTIONS
        if version != "1.2" or action not in ONLY_2021
    ]
    return asked + told + acted


@pytest.fixture(scope="module")
def schemas() -> dict[str, etree.XMLSchema]:
    return {
        "1.2": etree.XMLSchema(etree.parse(str(shared("ill/ISO-18626-v1_2.xsd")))),
        "2021-2": etree.XMLSchema(etree.parse(str(shared("ill/ISO-18626-2021-2.xsd")))),
    }


@pytest.mark.shared
@pytest.mark.parametrize("version", VERSIONS)
def test_everything_written_validates(schemas: dict[str, etree.XMLSchema], version: Version) -> None:
    for example in examples(version):
        written = etree.fromstring(write(example))
        assert schemas[version].validate(written), (example, schemas[version].error_log)


@pytest.mark.shared
@pytest.mark.parametrize("version", VERSIONS)
def test_every_confirmation_validates(schemas: dict[str, etree.XMLSchema], version: Version) -> None:
    faults = [Fault(type=kind, value="x\x00<y>") for kind in get_args(ErrorType)]
    bodies = [write(example) for example in examples(version)]
    bodies += [b"<nothing/>", b'<ISO18626Message version="2021-2"/>', b"<request><header/></request>"]
    for body in bodies:
        found, _ = envelope(parse(body))
        for given_faults in ((), tuple(faults[:1]), tuple(faults)):
            written = confirm(Confirmation(envelope=found, received=AT, faults=given_faults))
            schema = schemas[found.version]
            assert schema.validate(etree.fromstring(written)), (written, schema.error_log)


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_written_reads_back(version: Version) -> None:
    for example in examples(version):
        back = message(*envelope(parse(write(example))))
        for name in ("kind", "requester", "supplier", "timestamp", "request_id", "request_type", "status", "action"):
            assert getattr(back, name) == getattr(example, name)
        assert (back.reason, back.answer, back.due) == (example.reason, example.answer, example.due)
        assert (back.item, back.costs, back.needed_by) == (example.item, example.costs, example.needed_by)


@pytest.mark.shared
def test_messages_of_other_systems_are_read() -> None:
    folder = shared("ill")
    understood, refused = [], []
    for path in sorted([*folder.glob("crosslink/*.xml"), *folder.glob("mod-rs/*.xml")]):
        try:
            understood.append((path.name, message(*envelope(parse(path.read_bytes())))))
        except Refused as error:
            refused.append((path.name, error.fault.type))
    assert len(understood) >= 14
    templates = {name for name, kind in refused if kind == "BadlyFormedMessage"}
    assert "msg-invalid.xml" in templates
    by_name = dict(understood)
    assert by_name["request.xml"].timestamp == datetime(1900, 1, 1, 1, 1, 1, tzinfo=UTC)
    assert by_name["case1_request.xml"].kind == "request"
    assert by_name["supmsg-ok.xml"].status == "Loaned"


HEAD = "<supplyingAgencyId><agencyIdValue>S</agencyIdValue></supplyingAgencyId><requestingAgencyId><agencyIdValue>R</agencyIdValue></requestingAgencyId>"  # noqa: E501


def told(inner: str, head: str = HEAD) -> bytes:
    stamp = "<timestamp>2026-03-01T00:00:00Z</timestamp><requestingAgencyRequestId>1</requestingAgencyRequestId>"
    return f"<supplyingAgencyMessage><header>{head}{stamp}</header>{inner}</supplyingAgencyMessage>".encode()


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", "BadlyFormedMessage"),
        (b"not xml", "BadlyFormedMessage"),
        (b"<request>", "BadlyFormedMessage"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><request>&a;</request>', "BadlyFormedMessage"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><request/>', "BadlyFormedMessage"),
        (b"<a>" * 5000 + b"</a>" * 5000, "BadlyFormedMessage"),
        (b"<request>" + b" " * 1_000_001 + b"</request>", "BadlyFormedMessage"),
        (b"\xff\xfe\x00", "BadlyFormedMessage"),
        (told("", head=""), "BadlyFormedMessage"),
        (
            told("<messageInfo><reasonForMessage>Why</reasonForMessage></messageInfo>"),
            "UnsupportedReasonForMessageType",
        ),
        (
            told(
                "<messageInfo><reasonForMessage>StatusChange</reasonForMessage></messageInfo>"
                "<statusInfo><status>Gone</status></statusInfo>"
            ),
            "UnrecognisedDataValue",
        ),
        (told("").replace(b"supplyingAgencyMessage", b"requestingAgencyMessage"), "BadlyFormedMessage"),
        (
            told("<action>Dance</action>").replace(b"supplyingAgencyMessage", b"requestingAgencyMessage"),
            "UnsupportedActionType",
        ),
        (told(f"<messageInfo><note>{'x' * 5000}</note></messageInfo>"), "BadlyFormedMessage"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_type(body: bytes, fault: str) -> None:
    with pytest.raises(Refused) as refused:
        message(*envelope(parse(body)))
    assert refused.value.fault.type == fault


def test_an_entity_bomb_is_refused_at_once() -> None:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "ha">{levels}]><request>&l11;</request>'
    with pytest.raises(Refused):
        parse(bomb.encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-11-28T10:25:11.136Z", "2024-11-28T10:25:11.136000+00:00"),
        ("2024-11-28T10:25:11+0800", "2024-11-28T02:25:11+00:00"),
        ("2024-11-28T10:25:11", "2024-11-28T10:25:11+00:00"),
        ("2024-11-28", "2024-11-28T00:00:00+00:00"),
        ("0001-01-01T00:00:00.000+08:00", None),
        ("2024-13-01T00:00:00Z", None),
        ("_TIMESTAMP_", None),
    ],
)
def test_times_as_others_write_them(text: str, expected: str | None) -> None:
    found = moment(text)
    assert (found.isoformat() if found else None) == expected


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.sampled_from(VERSIONS))
def test_no_text_breaks_what_is_written(title: str, note: str, version: Version) -> None:
    asked = Message(
        kind="request", version=version, supplier=Agency(value="S"), requester=Agency(value="R"), timestamp=AT,
        request_id="1", item=Bibliographic(title=title, isbn="9787564311292"), note=note,
    )  # fmt: skip
    back = message(*envelope(parse(write(asked))))
    assert back.request_id == "1"
