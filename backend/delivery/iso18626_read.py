"""Reads ISO 18626 XML leniently: what other systems really send, not only what the schema allows.

Tolerated: no wrapper, no or another namespace or prefix, elements in any order, unknown elements, offsets without
colon, times without zone (taken as UTC), nine digits of fraction, codes in another case. Refused: a document type
definition (entities), XML that does not parse, a message without what it cannot be understood without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from lxml import etree

from backend.delivery.iso18626_values import (
    ACTIONS,
    KINDS,
    REASONS,
    REQUEST_TYPES,
    SERVICE_TYPES,
    STATUSES,
    Agency,
    Bibliographic,
    Envelope,
    ErrorType,
    Kind,
    Message,
    Refused,
    Version,
)

MAX_BYTES = 1_000_000
MAX_VALUE = 4_000
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9})\d*)?)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)


def parse(body: bytes) -> etree._Element:
    """The root element, with every danger of XML off.

    :raises Refused: BadlyFormedMessage.
    """
    if len(body) > MAX_BYTES:
        raise Refused("BadlyFormedMessage", f"the message is larger than {MAX_BYTES} bytes")
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused("BadlyFormedMessage", f"not well-formed XML: {str(error)[:200]}") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("BadlyFormedMessage", "a document type declaration is not accepted")
    return root


class Node:
    """An element seen by local names only. Of a missing child every text is empty."""

    def __init__(self, element: etree._Element | None) -> None:
        self._element = element

    @property
    def name(self) -> str:
        return _local(self._element.tag) if self._element is not None else ""

    def __bool__(self) -> bool:
        return self._element is not None

    def child(self, *path: str) -> Node:
        node = self
        for name in path:
            node = next(iter(node.children(name)), Node(None))
        return node

    def children(self, name: str = "") -> list[Node]:
        if self._element is None:
            return []
        elements = [child for child in self._element if isinstance(child.tag, str)]
        return [Node(child) for child in elements if not name or _local(child.tag) == name]

    def text(self, *path: str) -> str:
        node = self.child(*path) if path else self
        if node._element is None:
            return ""
        text = " ".join("".join(str(part) for part in node._element.itertext()).split())
        if len(text) > MAX_VALUE:
            raise Refused("UnrecognisedDataValue", f"{node.name} is longer than {MAX_VALUE} characters")
        return text

    def attribute(self, name: str) -> str:
        if self._element is None:
            return ""
        return next((str(value) for key, value in self._element.attrib.items() if _local(str(key)) == name), "")


def _local(tag: str | object) -> str:
    return str(tag).rsplit("}", 1)[-1]


def envelope(root: etree._Element) -> tuple[Envelope, Node]:
    """What a confirmation needs, and the message's own element. Never refuses: what is unreadable stays empty."""
    top = Node(root)
    version: Version = "2021-2" if top.attribute("version").startswith(("2021", "1.3", "2.")) else "1.2"
    inside = [top, *top.children()] if top.name == "ISO18626Message" else [top]
    message = next((node for node in inside if node.name in KINDS), Node(None))
    kind: Kind = next((known for known in KINDS if known == message.name), "request")
    header = message.child("header")
    action, reason = message.text("action"), message.text("messageInfo", "reasonForMessage")
    found = Envelope(
        kind=kind,
        version=version,
        supplier=_agency(header.child("supplyingAgencyId")),
        requester=_agency(header.child("requestingAgencyId")),
        timestamp=moment(header.text("timestamp")),
        request_id=header.text("requestingAgencyRequestId"),
        multiple_item_id=header.text("multipleItemRequestId"),
        action=_known(ACTIONS, action) or "",
        reason=_known(REASONS, reason) or "",
    )
    return found, message


def message(found: Envelope, node: Node) -> Message:
    """The message as a value.

    :raises Refused: with the error type the standard has for it.
    """
    if not node:
        raise Refused("BadlyFormedMessage", "there is no request, supplyingAgencyMessage or requestingAgencyMessage")
    if found.requester is None:
        raise Refused("BadlyFormedMessage", "requestingAgencyId is missing or empty")
    if not found.request_id:
        raise Refused("BadlyFormedMessage", "requestingAgencyRequestId is missing or empty")
    if found.timestamp is None:
        raise Refused("BadlyFormedMessage", "timestamp is missing or no date and time")
    if found.kind != "request" and found.supplier is None:
        raise Refused("BadlyFormedMessage", "supplyingAgencyId is missing or empty")
    common = Message(
        kind=found.kind,
        version=found.version,
        supplier=found.supplier,
        requester=found.requester,
        timestamp=found.timestamp,
        request_id=found.request_id,
        supplier_request_id=node.text("header", "supplyingAgencyRequestId"),
        multiple_item_id=found.multiple_item_id,
    )
    readers = {"request": _request, "supplyingAgencyMessage": _supplying, "requestingAgencyMessage": _requesting}
    return readers[found.kind](common, node)


def _with(base: Message, **values: object) -> Message:
    return replace(base, **values)  # type: ignore[arg-type]


def _request(base: Message, node: Node) -> Message:
    service = node.child("serviceInfo")
    if not node.child("bibliographicInfo"):
        raise Refused("BadlyFormedMessage", "bibliographicInfo is missing")
    return _with(
        base,
        request_type=_code(REQUEST_TYPES, service.text("requestType") or "New", "requestType"),
        previous_request_id=service.text("requestingAgencyPreviousRequestId"),
        service=_code(SERVICE_TYPES, service.text("serviceType") or "CopyOrLoan", "serviceType"),
        item=_bibliographic(node),
        needed_by=_moment_or_refuse(service.text("needBeforeDate"), "needBeforeDate"),
        note=service.text("note"),
    )


def _supplying(base: Message, node: Node) -> Message:
    said, status, delivery = node.child("messageInfo"), node.child("statusInfo"), node.child("deliveryInfo")
    retry = node.child("retryInfo") or said
    answer = said.text("answerYesNo").upper()
    return _with(
        base,
        reason=_code(REASONS, said.text("reasonForMessage"), "reasonForMessage", "UnsupportedReasonForMessageType"),
        status=_code(STATUSES, status.text("status"), "status"),
        answer={"Y": True, "N": False}.get(answer[:1]),
        note=said.text("note"),
        reason_unfilled=said.text("reasonUnfilled"),
        reason_retry=said.text("reasonRetry"),
        retry_after=_moment_or_refuse(retry.text("retryAfter"), "retryAfter"),
        due=_moment_or_refuse(status.text("dueDate"), "dueDate"),
        last_change=moment(status.text("lastChange")),
        sent=moment(delivery.text("dateSent")),
        url=delivery.text("URL"),
        loan_condition=delivery.text("loanCondition") or retry.text("loanCondition"),
        costs=_decimal(retry.text("offeredCosts", "monetaryValue")),
        currency=retry.text("offeredCosts", "currencyCode") or "CNY",
    )


def _requesting(base: Message, node: Node) -> Message:
    action = _code(ACTIONS, node.text("action"), "action", "UnsupportedActionType")
    return _with(base, action=action, note=node.text("note"))


def _bibliographic(node: Node) -> Bibliographic:
    item, publication = node.child("bibliographicInfo"), node.child("publicationInfo")
    numbers: dict[str, str] = {}
    for given in item.children("bibliographicItemId"):
        code = given.text("bibliographicItemIdentifierCode").upper()
        numbers.setdefault(code, given.text("bibliographicItemIdentifier"))
    subtitle = item.text("subtitle")
    return Bibliographic(
        record_id=item.text("supplierUniqueRecordId"),
        title=item.text("title") + (f"：{subtitle}" if subtitle else ""),
        author=item.text("author"),
        edition=item.text("edition"),
        component_title=item.text("titleOfComponent"),
        component_author=item.text("authorOfComponent"),
        volume=item.text("volume"),
        issue=item.text("issue"),
        pages=item.text("pagesRequested"),
        isbn=numbers.get("ISBN", ""),
        issn=numbers.get("ISSN", ""),
        publisher=publication.text("publisher"),
        year=publication.text("publicationDate"),
    )


def _agency(node: Node) -> Agency | None:
    value = node.text("agencyIdValue")
    return Agency(type=node.text("agencyIdType") or "ISIL", value=value) if value else None


def _known(codes: Sequence[str], given: str) -> str | None:
    return next((code for code in codes if code.casefold() == given.casefold()), None)


def _code(codes: Sequence[str], given: str, element: str, fault: ErrorType = "UnrecognisedDataValue") -> str:
    if not given:
        raise Refused("BadlyFormedMessage", f"{element} is missing or empty")
    found = _known(codes, given)
    if found is None:
        raise Refused(fault, f"{element}: {given[:100]}")
    return found


def moment(text: str) -> datetime | None:
    """An xs:dateTime, and what others write for one; None when it is none.

    >>> moment("1900-01-01T01:01:01+0000").isoformat(), moment("2024-12-12T20:12:00.629597715Z").microsecond
    ('1900-01-01T01:01:01+00:00', 629597)
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    stamp = (
        f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}:{second or '00'}.{(fraction or '0').ljust(6, '0')[:6]}"
    )
    offset = "+00:00" if zone is None or zone in "Zz" else f"{zone[:3]}:{zone[-2:]}"
    try:
        return datetime.fromisoformat(stamp + offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _moment_or_refuse(text: str, element: str) -> datetime | None:
    if not text:
        return None
    found = moment(text)
    if found is None:
        raise Refused("UnrecognisedDataValue", f"{element}: {text[:100]}")
    return found


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text) if text else None
    except InvalidOperation:
        return None
    return value if value is None or value.is_finite() else None
