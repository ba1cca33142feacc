"""Writes ISO 18626 XML that validates against the schema of its version, whatever the values contain."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from lxml import etree

from backend.delivery.iso18626_values import NAMESPACE, ONLY_2021, Agency, Bibliographic, Confirmation, Message, Version

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONFIRMATIONS = {
    "request": "requestConfirmation",
    "supplyingAgencyMessage": "supplyingAgencyMessageConfirmation",
    "requestingAgencyMessage": "requestingAgencyMessageConfirmation",
}


def write(message: Message) -> bytes:
    """The message as XML of its version.

    :raises ValueError: for a code that this version does not have.
    """
    for code in (message.status, message.action):
        if message.version == "1.2" and code in ONLY_2021:
            raise ValueError(f"ISO 18626 1.2 has no {code}")
    root, body = _start(message.version, message.kind)
    _header(body, message)
    writers = {"request": _request, "supplyingAgencyMessage": _supplying, "requestingAgencyMessage": _requesting}
    writers[message.kind](body, message)
    return _bytes(root)


def confirm(confirmation: Confirmation) -> bytes:
    """The confirmation as XML of the version that was asked in."""
    found = confirmation.envelope
    root, body = _start(found.version, _CONFIRMATIONS[found.kind])
    header = _add(body, "confirmationHeader")
    if found.supplier:
        _agency(header, "supplyingAgencyId", found.supplier)
    if found.requester:
        _agency(header, "requestingAgencyId", found.requester)
    _add(header, "timestamp", found.timestamp_text or stamp(found.timestamp or confirmation.received))
    if found.request_id:
        _add(header, "requestingAgencyRequestId", found.request_id)
    if found.multiple_item_id and found.version == "1.2":
        _add(header, "multipleItemRequestId", found.multiple_item_id)
    _add(header, "timestampReceived", stamp(confirmation.received))
    _add(header, "messageStatus", "ERROR" if confirmation.faults else "OK")
    if found.kind == "supplyingAgencyMessage" and found.reason:
        _add(body, "reasonForMessage", found.reason)
    if found.kind == "requestingAgencyMessage" and found.action and _has(found.version, found.action):
        _add(body, "action", found.action)
    for fault in confirmation.faults[: 1 if found.version == "1.2" else None]:
        error = _add(body, "errorData")
        _add(error, "errorType", fault.type)
        _add(error, "errorValue", fault.value)
    return _bytes(root)


def _has(version: Version, code: str) -> bool:
    return version != "1.2" or code not in ONLY_2021


def _header(body: etree._Element, message: Message) -> None:
    header = _add(body, "header")
    old = message.version == "1.2"
    if message.supplier or old or message.kind != "request":
        _agency(header, "supplyingAgencyId", message.supplier or Agency(value=""))
    _agency(header, "requestingAgencyId", message.requester)
    if old or (message.multiple_item_id and message.kind == "request"):
        _add(header, "multipleItemRequestId", message.multiple_item_id)
    _add(header, "timestamp", stamp(message.timestamp))
    _add(header, "requestingAgencyRequestId", message.request_id)
    if message.supplier_request_id and message.kind != "request":
        _add(header, "supplyingAgencyRequestId", message.supplier_request_id)


def _request(body: etree._Element, message: Message) -> None:
    item = message.item or Bibliographic()
    _item(_add(body, "bibliographicInfo"), item, message.version)
    if item.publisher or item.year:
        publication = _add(body, "publicationInfo")
        _some(publication, publisher=item.publisher, publicationDate=item.year)
    service = _add(body, "serviceInfo")
    _add(service, "requestType", message.request_type)
    _some(service, requestingAgencyPreviousRequestId=message.previous_request_id)
    _add(service, "serviceType", message.service)
    if message.needed_by:
        _add(service, "needBeforeDate", stamp(message.needed_by))
    _some(service, note=message.note)
    if message.deliver_to:
        address = _add(_add(_add(body, "requestedDeliveryInfo"), "address"), "physicalAddress")
        _add(address, "line1", message.deliver_to)
    if message.requester_name:
        _add(_add(body, "requestingAgencyInfo"), "name", message.requester_name)


def _item(parent: etree._Element, item: Bibliographic, version: Version) -> None:
    _some(
        parent,
        supplierUniqueRecordId=item.record_id,
        title=item.title,
        author=item.author,
        edition=item.edition,
        titleOfComponent=item.component_title,
        authorOfComponent=item.component_author,
        volume=item.volume,
        issue=item.issue,
        pagesRequested=item.pages,
    )
    for code, number in (("ISBN", item.isbn), ("ISSN", item.issn)):
        if not number:
            continue
        given = _add(parent, "bibliographicItemId")
        pair = [("bibliographicItemIdentifier", number), ("bibliographicItemIdentifierCode", code)]
        for name, text in pair if version == "1.2" else reversed(pair):
            _add(given, name, text)


def _supplying(body: etree._Element, message: Message) -> None:
    said = _add(body, "messageInfo")
    _add(said, "reasonForMessage", message.reason)
    if message.answer is not None:
        _add(said, "answerYesNo", "Y" if message.answer else "N")
    note = message.note
    if message.url and message.version == "1.2":
        note = f"{note} {message.url}".strip()
    _some(said, note=note, reasonUnfilled=message.reason_unfilled, reasonRetry=message.reason_retry)
    if message.version == "1.2":
        _retry(said, message)
    status = _add(body, "statusInfo")
    _add(status, "status", message.status)
    if message.due:
        _add(status, "dueDate", stamp(message.due))
    _add(status, "lastChange", stamp(message.last_change or message.timestamp))
    if message.version == "2021-2" and (message.retry_after or message.costs is not None):
        _retry(_add(body, "retryInfo"), message)
    if message.sent:
        delivery = _add(body, "deliveryInfo")
        _add(delivery, "dateSent", stamp(message.sent))
        if message.version == "2021-2":
            _some(delivery, URL=message.url)
        _some(delivery, loanCondition=message.loan_condition)


def _retry(parent: etree._Element, message: Message) -> None:
    if message.costs is not None:
        costs = _add(parent, "offeredCosts")
        _add(costs, "currencyCode", message.currency)
        _add(costs, "monetaryValue", f"{message.costs:f}")
    if message.retry_after:
        _add(parent, "retryAfter", stamp(message.retry_after))


def _requesting(body: etree._Element, message: Message) -> None:
    _add(body, "action", message.action)
    _some(body, note=message.note)


def _start(version: Version, kind: str) -> tuple[etree._Element, etree._Element]:
    namespaces: dict[str | None, str] = {None: NAMESPACE, "ill": NAMESPACE}
    root = etree.Element(f"{{{NAMESPACE}}}ISO18626Message", nsmap=namespaces)  # type: ignore[arg-type]  # None: default
    root.set(f"{{{NAMESPACE}}}version", version)
    return root, _add(root, kind)


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text is not None:
        element.text = _FORBIDDEN.sub(" ", text)
    return element


def _some(parent: etree._Element, **texts: str) -> None:
    """Elements for the texts that are not empty, in this order."""
    for name, text in texts.items():
        if text:
            _add(parent, name, text)


def _agency(parent: etree._Element, name: str, agency: Agency) -> None:
    element = _add(parent, name)
    _add(element, "agencyIdType", agency.type)
    _add(element, "agencyIdValue", agency.value)


def stamp(moment: datetime) -> str:
    """An xs:dateTime in UTC with milliseconds.

    >>> from datetime import UTC, datetime
    >>> stamp(datetime(2026, 3, 1, tzinfo=UTC))
    '2026-03-01T00:00:00.000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
