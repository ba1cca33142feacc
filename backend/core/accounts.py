"""Accounts that sign in with a password: librarians and branch users, through one piece of code.

A password is kept as an argon2id hash and never logged; both refusals take the same time. A session is a random secret
in a signed cookie, of which the database keeps the hash: signing out, a changed password or a closed account ends it on
the server. A domain gives its own tables the columns below and says, in :class:`Accounts`, which they are.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, String, delete, select, update
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, mapped_column

from backend.core.db import Database, UtcDateTime, now
from backend.core.errors import Unauthenticated
from backend.core.passwords import check_password, clean_username, hash_password, secret_digest, verify_password
from backend.core.tokens import SignedCookie

FORGOTTEN_AFTER = timedelta(days=30)
"""How long an ended session stays in the table."""


class AccountColumns:
    """What a table of accounts has, whoever they belong to."""

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    username: Mapped[str] = mapped_column(String(80), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class SessionColumns:
    """What a table of signed-in sessions has, beside the column that names the account."""

    secret_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


A = TypeVar("A", bound=AccountColumns)
S = TypeVar("S", bound=SessionColumns)


@dataclass(frozen=True, slots=True)
class Accounts(Generic[A, S]):
    """The SQL of one kind of account. ``owner`` is the session's column that names the account; ``also_open`` what must
    hold beside the account being active."""

    account: type[A]
    session: type[S]
    owner: InstrumentedAttribute[str]
    also_open: tuple[ColumnElement[bool], ...] = ()

    def by_username(self, session: Session, username: str) -> A | None:
        return session.scalar(select(self.account).where(self.account.username == username))

    def set_password(self, session: Session, username: str, password: str) -> bool:
        """Change a password and end every session of the account; False when there is none of that name.

        :raises InputError: for a password that is too short.
        """
        check_password(password)
        row = self.by_username(session, clean_username(username))
        if row is None:
            return False
        row.password_hash = hash_password(password)
        self._revoke(session, self.owner == row.id, now())
        return True

    def open_session(self, session: Session, account_id: str, *, secret: str, moment: datetime, ttl: int) -> None:
        session.execute(delete(self.session).where(self.session.expires_at < moment - FORGOTTEN_AFTER))
        values: dict[str, Any] = {
            self.owner.key: account_id,
            "secret_hash": secret_digest(secret),
            "csrf": secrets.token_urlsafe(24),
            "created_at": moment,
            "expires_at": moment + timedelta(seconds=ttl),
        }
        session.add(self.session(**values))

    def live(self, session: Session, secret: str, moment: datetime) -> tuple[S, A] | None:
        """The session of that secret and its open account, unless it is revoked or over."""
        query = (
            select(self.session, self.account)
            .join(self.account, self.account.id == self.owner)
            .where(
                self.session.secret_hash == secret_digest(secret),
                self.session.revoked_at.is_(None),
                self.session.expires_at > moment,
                self.account.active,
                *self.also_open,
            )
        )
        found = session.execute(query).one_or_none()
        return (found[0], found[1]) if found else None

    def end_session(self, session: Session, secret: str, moment: datetime) -> None:
        self._revoke(session, self.session.secret_hash == secret_digest(secret), moment)

    def _revoke(self, session: Session, which: ColumnElement[bool], moment: datetime) -> None:
        session.execute(update(self.session).where(which, self.session.revoked_at.is_(None)).values(revoked_at=moment))


class SignIn(Generic[A, S]):
    """Signs in and out with a cookie. ``purpose`` keeps one kind of account's cookie from passing for another's."""

    def __init__(self, database: Database, accounts: Accounts[A, S], *, key: str, purpose: str, ttl: int) -> None:
        self._database = database
        self._accounts = accounts
        self._cookie = SignedCookie(key, purpose=purpose, ttl=ttl)
        self.ttl = ttl

    def sign_in(self, username: str, password: str) -> str:
        """The cookie of a new session.

        :raises Unauthenticated: for a wrong name or password (which of the two is not told).
        """
        row = self.account(username, password)
        secret = secrets.token_urlsafe(32)
        with self._database.begin() as session:
            self._accounts.open_session(session, row.id, secret=secret, moment=now(), ttl=self.ttl)
        return self._cookie.write(secret)

    def account(self, username: str, password: str) -> A:
        """The open account of that name and password.

        :raises Unauthenticated: for a wrong name or password (which of the two is not told).
        """
        with self._database.read() as session:
            row = self._accounts.by_username(session, username.strip().lower()[:80])
        verified = verify_password(row.password_hash if row else None, password)
        if row is None or not row.active or not verified:
            raise Unauthenticated("用户名或密码不正确。")
        return row

    def signed_in(self, cookie: str) -> tuple[S, A] | None:
        """Session and account of this cookie; None when it is forged, too old or signed out."""
        secret = self._cookie.read(cookie)
        if not isinstance(secret, str):
            return None
        with self._database.read() as session:
            return self._accounts.live(session, secret, now())

    def sign_out(self, cookie: str) -> None:
        secret = self._cookie.read(cookie)
        if isinstance(secret, str):
            with self._database.begin() as session:
                self._accounts.end_session(session, secret, now())
