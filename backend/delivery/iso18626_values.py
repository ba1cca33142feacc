"""ISO 18626 messages as values. Names follow the standard's elements; codes are its closed code lists.

Sources: ISO 18626:2017 with schema 1.2, ISO 18626:2021 with schema 2021-2 (illtransactions.org).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

NAMESPACE = "http://illtransactions.org/2013/iso18626"
Version = Literal["1.2", "2021-2"]

Kind = Literal["request", "supplyingAgencyMessage", "requestingAgencyMessage"]
KINDS: tuple[Kind, ...] = ("request", "supplyingAgencyMessage", "requestingAgencyMessage")

REQUEST_TYPES = ("New", "Retry", "Reminder")
SERVICE_TYPES = ("Copy", "Loan", "CopyOrLoan")
REASONS = (
    "RequestResponse", "StatusRequestResponse", "RenewResponse", "CancelResponse", "StatusChange", "Notification",
)  # fmt: skip
STATUSES = (
    "RequestReceived", "ExpectToSupply", "WillSupply", "Loaned", "Overdue", "Recalled", "RetryPossible", "Unfilled",
    "HoldReturn", "ReleaseHoldReturn", "CopyCompleted", "LoanCompleted", "CompletedWithoutReturn", "Cancelled",
)  # fmt: skip
ACTIONS = (
    "StatusRequest", "Received", "Cancel", "Renew", "HoldReturn", "ShippedReturn", "ShippedForward", "Notification",
    "Lost",
)  # fmt: skip
ONLY_2021 = frozenset({"HoldReturn", "ReleaseHoldReturn", "Lost"})
"""Codes that version 1.2 does not have."""

ErrorType = Literal[
    "UnsupportedActionType",
    "UnsupportedReasonForMessageType",
    "UnrecognisedDataElement",
    "UnrecognisedDataValue",
    "BadlyFormedMessage",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """An agency: a value within a type (ISIL …)."""

    type: str = "ISIL"
    value: str

    @classmethod
    def of_symbol(cls, symbol: str) -> Agency:
        """``ISIL:CN-1`` or ``CN-1``.

        >>> Agency.of_symbol("DNUCNI:ABC").type, Agency.of_symbol("CN-1").type
        ('DNUCNI', 'ISIL')
        """
        kind, _, value = symbol.partition(":")
        return cls(type=kind, value=value) if value else cls(value=symbol)

    def is_symbol(self, symbol: str) -> bool:
        """Does a configured symbol (with or without type) name this agency? The value may repeat its type.

        >>> Agency(value="ISIL:CN-1").is_symbol("CN-1"), Agency(type="DNUCNI", value="CN-1").is_symbol("ISIL:CN-1")
        (True, False)
        """
        kind, mine, wanted = self.type.casefold(), self.value.casefold(), symbol.casefold()
        bare = mine.removeprefix(f"{kind}:")
        return bool(bare) and wanted in (mine, bare, f"{kind}:{bare}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bibliographic:
    """What is asked for. ``isbn`` and ``issn`` come from bibliographicItemId."""

    record_id: str = ""
    title: str = ""
    author: str = ""
    edition: str = ""
    component_title: str = ""
    component_author: str = ""
    volume: str = ""
    issue: str = ""
    pages: str = ""
    isbn: str = ""
    issn: str = ""
    publisher: str = ""
    year: str = ""

    def citation(self) -> str:
        """The same in one line, as a person would cite it."""
        parts = [
            self.author,
            self.title and f"《{self.title}》",
            self.component_title,
            self.edition,
            self.publisher,
            self.year,
            self.volume and f"v. {self.volume}",
            self.issue and f"no. {self.issue}",
            self.pages and f"pp. {self.pages}",
            self.isbn and f"ISBN {self.isbn}",
            self.issn and f"ISSN {self.issn}",
        ]
        return ". ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One of the three messages that start an exchange.

    ``timestamp`` is the sender's clock. ``answer``: answerYesNo. ``costs`` in the unit of ``currency``.
    """

    kind: Kind
    version: Version = "1.2"
    supplier: Agency | None
    requester: Agency
    timestamp: datetime
    request_id: str
    supplier_request_id: str = ""
    multiple_item_id: str = ""
    note: str = ""
    # request
    request_type: str = "New"
    previous_request_id: str = ""
    service: str = "Loan"
    item: Bibliographic | None = None
    needed_by: datetime | None = None
    subtypes: tuple[str, ...] = ()
    deliver_to: str = ""
    requester_name: str = ""
    # supplyingAgencyMessage
    reason: str = ""
    status: str = ""
    answer: bool | None = None
    reason_unfilled: str = ""
    reason_retry: str = ""
    retry_after: datetime | None = None
    due: datetime | None = None
    last_change: datetime | None = None
    sent: datetime | None = None
    url: str = ""
    loan_condition: str = ""
    costs: Decimal | None = None
    currency: str = "CNY"
    # requestingAgencyMessage
    action: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Why a message is refused: one of the five error types, and what exactly."""

    type: ErrorType
    value: str


class Refused(Exception):
    """The message cannot be acted on; ``fault`` goes into the confirmation."""

    def __init__(self, type: ErrorType, value: str) -> None:
        super().__init__(f"{type}: {value}")
        self.fault = Fault(type=type, value=value[:500])


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What can be said of a message before it is understood: enough to confirm it. ``timestamp_text``: as the sender
    wrote it, where that is a valid xs:dateTime; a confirmation repeats it so that the sender finds its message."""

    kind: Kind = "request"
    version: Version = "1.2"
    supplier: Agency | None = None
    requester: Agency | None = None
    timestamp: datetime | None = None
    timestamp_text: str = ""
    request_id: str = ""
    multiple_item_id: str = ""
    action: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """The answer to every message."""

    envelope: Envelope
    received: datetime
    faults: tuple[Fault, ...] = ()
