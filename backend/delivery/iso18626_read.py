"""Reads ISO 18626 XML leniently: what other systems really send, not only what the schema allows.

Tolerated: no wrapper, no or another namespace, an undeclared prefix, elements in any order, unknown elements, a wrong
encoding declaration, offsets without colon, times without zone (taken as UTC), nine digits of fraction, codes in
another case or with separators. Refused: a document type definition (entities), XML that does not parse, several
messages in one, a message without what it cannot be understood without.

Which error type: what is missing or cannot be parsed is BadlyFormedMessage; an element that is no message of this
protocol UnrecognisedDataElement; a value outside its code list, or that names nothing here, UnrecognisedDataValue; an
action or a reason outside its list has a type of its own. The value always names the element.
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
MAX_TEXT = 4_000
"""Characters of a free text that are read."""
MAX_ID = 200
_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9})\d*)?)?)?\s*(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE
)
_SCHEMA_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
_SEPARATORS = re.compile(r"[\s_.-]")
_ANSWERS = {"y": True, "yes": True, "true": True, "1": True, "n": False, "no": False, "false": False, "0": False}
_PREFIX = re.compile(rb"(</?)[\w.-]+:(?=[\w.-]+[\s/>])")
_UNDECLARED_PREFIX = etree.ErrorTypes.NS_ERR_UNDEFINED_NAMESPACE
_CONFIRMATION = "Confirmation"


def parse(body: bytes) -> etree._Element:
    """The root element, with every danger of XML off.

    :raises Refused: BadlyFormedMessage.
    """
    if len(body) > MAX_BYTES:
        raise Refused("BadlyFormedMessage", f"the message is larger than {MAX_BYTES} bytes")
    trimmed = body.lstrip()
    try:
        root = _tree(trimmed, None)
    except (etree.XMLSyntaxError, ValueError) as error:
        root = _tree_as_utf8(trimmed, error)
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("BadlyFormedMessage", "a document type declaration is not accepted")
    return root


def _tree(body: bytes, encoding: str | None) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        encoding=encoding,
    )
    return etree.fromstring(body, parser)


def _tree_as_utf8(body: bytes, first: Exception) -> etree._Element:
    """Once more for a message that is UTF-8, whatever it declares, and for prefixes that nobody declared (they mean
    nothing here); the first complaint stands when that fails too."""
    undeclared = getattr(first, "code", None) == _UNDECLARED_PREFIX
    try:
        body.decode("utf-8")
        return _tree(_PREFIX.sub(rb"\1", body) if undeclared else body, "utf-8")
    except (etree.XMLSyntaxError, ValueError):
        raise Refused("BadlyFormedMessage", f"not well-formed XML: {str(first)[:200]}") from first


class Node:
    """An element seen by local names only, whatever their case. Of a missing child every text is empty."""

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
        return [Node(child) for child in elements if not name or _local(child.tag).casefold() == name.casefold()]

    def text(self, *path: str) -> str:
        node = self.child(*path) if path else self
        if node._element is None:
            return ""
        return " ".join("".join(str(part) for part in node._element.itertext()).split())[:MAX_TEXT]

    def texts(self) -> list[str]:
        """The texts of all innermost elements, in their order."""
        inner = self.children()
        return [text for child in inner for text in child.texts()] if inner else [self.text()] if self.text() else []

    def attribute(self, name: str) -> str:
        if self._element is None:
            return ""
        return next((str(value) for key, value in self._element.attrib.items() if _local(str(key)) == name), "")


def _local(tag: str | object) -> str:
    return str(tag).rsplit("}", 1)[-1].rsplit(":", 1)[-1]


def envelope(root: etree._Element) -> tuple[Envelope, list[Node]]:
    """What a confirmation needs, and the elements that may be the message; what is unreadable stays empty."""
    top = Node(root)
    version: Version = "2021-2" if top.attribute("version").strip().startswith(("2021", "1.3", "2.")) else "1.2"
    wrapped = top.name.casefold() == "iso18626message"
    inside = top.children() if wrapped else [top] if _kind(top) else []
    node = next((child for child in inside if _kind(child)), Node(None))
    header = node.child("header") or node.child("confirmationHeader")
    written = header.text("timestamp")
    found = Envelope(
        kind=_kind(node) or "request",
        version=version,
        supplier=_agency(header.child("supplyingAgencyId")),
        requester=_agency(header.child("requestingAgencyId")),
        timestamp=moment(written),
        timestamp_text=written if _SCHEMA_TIME.fullmatch(written) and moment(written) else "",
        request_id=header.text("requestingAgencyRequestId"),
        multiple_item_id=header.text("multipleItemRequestId"),
        action=_known(ACTIONS, node.text("action")) or "",
        reason=_known(REASONS, node.text("messageInfo", "reasonForMessage") or node.text("reasonForMessage")) or "",
    )
    return found, inside


def _kind(node: Node) -> Kind | None:
    """The kind of message, or of the message that a confirmation answers."""
    name = node.name.removesuffix(_CONFIRMATION).casefold()
    return next((kind for kind in KINDS if kind.casefold() == name), None)


def message(found: Envelope, inside: Sequence[Node]) -> Message:
    """The message as a value.

    :raises Refused: with the error type the standard has for it.
    """
    node = _only_message(inside)
    header = node.child("header")
    if found.requester is None:
        raise Refused("BadlyFormedMessage", "requestingAgencyId is missing or empty")
    if not found.request_id:
        raise Refused("BadlyFormedMessage", "requestingAgencyRequestId is missing or empty")
    if len(found.request_id) > MAX_ID:
        raise Refused("UnrecognisedDataValue", f"requestingAgencyRequestId is longer than {MAX_ID} characters")
    if found.timestamp is None:
        given = header.text("timestamp")
        raise (
            Refused("UnrecognisedDataValue", f"timestamp: {given[:100]}")
            if given
            else Refused("BadlyFormedMessage", "timestamp is missing or empty")
        )
    if found.kind != "request" and found.supplier is None:
        raise Refused("BadlyFormedMessage", "supplyingAgencyId is missing or empty")
    common = Message(
        kind=found.kind,
        version=found.version,
        supplier=found.supplier,
        requester=found.requester,
        timestamp=found.timestamp,
        request_id=found.request_id,
        supplier_request_id=header.text("supplyingAgencyRequestId"),
        multiple_item_id=found.multiple_item_id,
    )
    readers = {"request": _request, "supplyingAgencyMessage": _supplying, "requestingAgencyMessage": _requesting}
    return readers[found.kind](common, node)


def _only_message(inside: Sequence[Node]) -> Node:
    nodes = [node for node in inside if _kind(node) and not node.name.endswith(_CONFIRMATION)]
    if len(nodes) > 1:
        raise Refused("BadlyFormedMessage", "more than one message in one ISO18626Message")
    if nodes:
        return nodes[0]
    if not inside:
        raise Refused("BadlyFormedMessage", "there is no ISO 18626 message in it")
    raise Refused("UnrecognisedDataElement", f"{inside[0].name[:100]} is no message to act on")


def _with(base: Message, **values: object) -> Message:
    return replace(base, **values)  # type: ignore[arg-type]


def _request(base: Message, node: Node) -> Message:
    service = node.child("serviceInfo")
    if not node.child("bibliographicInfo"):
        raise Refused("BadlyFormedMessage", "bibliographicInfo is missing")
    item = _bibliographic(node)
    if not item.citation() and not item.record_id:
        raise Refused("BadlyFormedMessage", "bibliographicInfo says nothing of what is asked for")
    return _with(
        base,
        request_type=_code(REQUEST_TYPES, service.text("requestType") or "New", "requestType"),
        subtypes=tuple(sub.text() for sub in service.children("requestSubType") if sub.text()),
        previous_request_id=service.text("requestingAgencyPreviousRequestId"),
        service=_code(SERVICE_TYPES, service.text("serviceType") or "CopyOrLoan", "serviceType"),
        item=item,
        needed_by=_moment_or_refuse(service.text("needBeforeDate"), "needBeforeDate"),
        deliver_to="，".join(_delivery_address(node))[:MAX_ID],
        requester_name=node.text("requestingAgencyInfo", "name"),
        note=service.text("note"),
    )


def _delivery_address(node: Node) -> list[str]:
    """The first address to deliver to, as lines (several are sorted by sortOrder)."""
    given = node.children("requestedDeliveryInfo")
    ordered = sorted(given, key=lambda one: int(n) if (n := one.text("sortOrder")).isdecimal() else 0)
    return next((lines for one in ordered if (lines := _address_lines(one.child("address")))), [])


def _address_lines(address: Node) -> list[str]:
    return address.child("physicalAddress").texts() or address.child("electronicAddress").texts()[-1:]


def _supplying(base: Message, node: Node) -> Message:
    said, status, delivery = node.child("messageInfo"), node.child("statusInfo"), node.child("deliveryInfo")
    retry = node.child("retryInfo") or said
    reason = _code(REASONS, said.text("reasonForMessage"), "reasonForMessage", "UnsupportedReasonForMessageType")
    answer = _answer(said.text("answerYesNo"))
    given = status.text("status")
    settled = reason == "Notification" or (answer is not None and reason in ("CancelResponse", "RenewResponse"))
    return _with(
        base,
        reason=reason,
        status="" if settled and not given else _code(STATUSES, given, "status"),
        answer=answer,
        note=said.text("note"),
        reason_unfilled=said.text("reasonUnfilled"),
        reason_retry=said.text("reasonRetry"),
        retry_after=_moment_or_refuse(retry.text("retryAfter") or said.text("retryAfter"), "retryAfter"),
        due=_moment_or_refuse(status.text("dueDate"), "dueDate"),
        last_change=moment(status.text("lastChange")),
        sent=moment(delivery.text("dateSent")),
        url=delivery.text("URL"),
        loan_condition=delivery.text("loanCondition") or retry.text("loanCondition"),
        costs=_decimal(retry.text("offeredCosts", "monetaryValue") or said.text("offeredCosts", "monetaryValue")),
        currency=retry.text("offeredCosts", "currencyCode") or said.text("offeredCosts", "currencyCode") or "CNY",
    )


def _answer(given: str) -> bool | None:
    if not given:
        return None
    answer = _ANSWERS.get(given.casefold())
    if answer is None:
        raise Refused("UnrecognisedDataValue", f"answerYesNo: {given[:100]}")
    return answer


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
        volume=" ".join(one.text() for one in item.children("volume") if one.text()),
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
    plain = _SEPARATORS.sub("", given).casefold()
    return next((code for code in codes if code.casefold() == plain), None)


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
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise Refused("UnrecognisedDataValue", f"monetaryValue: {text[:100]}")
    return value
