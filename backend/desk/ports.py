"""What the desk's pages ask of other domains, wired in the composition root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol

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
    """What a librarian does with a request. ``version``: the state of the request on the page they acted from."""

    action: str
    reason: str = ""
    due: date | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuePage:
    """One page of the board. ``requests`` are request views as JSON; ``counts`` how many each view holds."""

    requests: Sequence[Mapping[str, Any]]
    total: int
    counts: Mapping[str, int] = field(default_factory=dict)


VIEWS = {"todo": "待我馆处理", "open": "进行中", "closed": "已结束", "all": "全部"}
"""The views of the board: what this librarian's library must act on, what is under way, what is over, everything."""


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
