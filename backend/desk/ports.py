"""What the desk's pages ask of other domains, wired in the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from backend.core.access import Staff


class SignIn(Protocol):
    """The staff accounts. ``ttl``: seconds a session lasts."""

    ttl: int

    def sign_in(self, username: str, password: str) -> str:
        """The cookie of a new session.

        :raises Unauthenticated: for a wrong name or password.
        """

    def sign_out(self, cookie: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a librarian does with a request. ``version``: the state of the request on the page they acted from;
    ``record_id``: the record that a citation turned out to mean."""

    action: str
    record_id: str = ""
    reason: str = ""
    due: date | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """One page of the board. ``requests`` are request views as JSON; ``counts`` how many each view holds."""

    requests: Sequence[Mapping[str, Any]]
    total: int
    counts: Mapping[str, int] = field(default_factory=dict)


VIEWS = {"todo": "待我馆处理", "attention": "拖延已久", "open": "进行中", "closed": "已结束", "all": "全部"}
"""The views of the board: what this librarian's library must act on, what of it has stood too long, what is under way,
what is over, everything."""


class Board(Protocol):
    """The delivery queue as one librarian sees it: requests of which their member is requester or a supplier."""

    def queue(self, *, staff: Staff, view: str, query: str, page: int, size: int) -> QueuePage:
        """Requests in one of :data:`VIEWS`, those that need attention first. ``query``: number or title."""

    def request(self, number: str, *, staff: Staff) -> Mapping[str, Any]:
        """The whole view with history, rota, and the actions open to this librarian
        (``actions``: ``{name, label, needs: [...], danger}``).

        :raises NotFound: when there is none that they may see.
        """

    def move(self, number: str, move: Move, *, staff: Staff) -> Mapping[str, Any]:
        """Do it and return the request as it is then.

        :raises Conflict: when the state changed meanwhile or does not allow it; :raises InputError: a missing field.
        """

    def notices(self, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        """What this librarian's library has not been shown yet (``{number, subject, body}``); each is given once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request that a librarian writes down for a patron. ``member``: whose patron, where the librarian has none."""

    record_id: str = ""
    citation: str = ""
    service: str = "loan"
    name: str = ""
    contact: str = ""
    pages: str = ""
    needed_by: date | None = None
    pickup: str = ""
    delivery: str = ""
    note: str = ""
    member: str = ""


class Counter(Protocol):
    """What librarians do with requests besides moving them along. Everything raises :class:`NotFound` for a request
    that is not theirs. ``max_bytes``: of an upload."""

    max_bytes: int

    def upload(
        self, number: str, file: BinaryIO, *, staff: Staff, version: int | None, pages_checked: bool
    ) -> Mapping[str, Any]:
        """Deliver a copy with this file.

        :raises InputError: with the reason, for a file that cannot be delivered; :raises Conflict: not now, or over the
            copyright limits.
        """

    def file(self, number: str, *, staff: Staff) -> Path:
        """The delivered file."""

    def file_view(self, number: str, *, staff: Staff) -> Mapping[str, Any] | None:
        """``{pages, bytes, removed, expires_at, link_expires_at, downloads, max_downloads}``; None without a file."""

    def renew_link(self, number: str, *, staff: Staff) -> None: ...

    def revoke(self, number: str, *, staff: Staff) -> None: ...

    def note(self, number: str, text: str, *, staff: Staff) -> None: ...

    def reading(self, number: str, *, staff: Staff) -> Mapping[str, Any] | None:
        """How a citation that waits for a librarian was read, and which records it may mean (``understood``,
        ``candidates``); None for every other request."""

    def notes(self, number: str, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        """``{author, text, at}`` of the librarian's own library."""

    def erase(self, number: str, *, staff: Staff) -> None:
        """Forget who asked. :raises Conflict: while the request is open."""

    def quote(self, order: Order, *, staff: Staff) -> Mapping[str, Any]:
        """What the order would mean (``title, matched, understood, candidates, libraries, conditions …``)."""

    def place(self, order: Order, *, staff: Staff, key: str) -> str:
        """Place it; its number."""

    def troubles(self, *, staff: Staff) -> Sequence[Mapping[str, str]]:
        """Notices that could not be delivered: ``{id, number, subject, error, recipient}``."""

    def resend(self, notice_id: str, *, staff: Staff) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePage:
    """One page of loads. ``runs``: ``{id, collection, member, started, state, counts, report}``, newest first."""

    runs: Sequence[Mapping[str, Any]]
    total: int
    collections: Sequence[Mapping[str, Any]] = ()


class SourceLog(Protocol):
    """What was loaded into the collections, as this librarian may see it: loads of their own library, the consortium
    office those of all."""

    def page(self, *, staff: Staff, collection: str, page: int, size: int) -> SourcePage:
        """Loads into one collection ('': into any), and the collections (``{name, label, kind, audience, items}``)."""

    def run(self, number: int, *, staff: Staff) -> Mapping[str, Any]:
        """One load with its whole report.

        :raises NotFound: when there is none that they may see.
        """
