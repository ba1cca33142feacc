"""Librarians' accounts and their console sessions (:mod:`backend.core.accounts` says how both are kept)."""

from __future__ import annotations

from sqlalchemy.orm import Session

from backend.consortium import store
from backend.consortium.members import get_member
from backend.consortium.models import StaffRow, StaffSessionRow
from backend.consortium.values import StaffAccount
from backend.core.access import Role, Staff
from backend.core.accounts import SignIn
from backend.core.db import Database, now
from backend.core.errors import Conflict, InputError
from backend.core.http import StaffSession
from backend.core.ids import new_id
from backend.core.passwords import check_password, clean_username, hash_password


def add_staff(
    session: Session, username: str, *, password: str, name: str = "", role: str = "librarian", member: str | None
) -> StaffAccount:
    """Make an account. ``role`` librarian (of a member) or office (of the consortium: ``member`` None).

    :raises Conflict: when the name is taken; :raises InputError: for a short password, unknown role or missing member.
    """
    username = clean_username(username)
    check_password(password)
    if role not in {kind.value for kind in Role}:
        raise InputError(f"role must be librarian or office, not {role[:20]!r}")
    if role == Role.LIBRARIAN and not member:
        raise InputError("a librarian belongs to a member: name it")
    if member:
        get_member(session, member)
    if store.STAFF.by_username(session, username):
        raise Conflict(f"there is already an account {username}")
    row = StaffRow(
        id=new_id("s_"),
        username=username,
        name=name.strip() or username,
        role=role,
        member=member or None,
        password_hash=hash_password(password),
        active=True,
        created_at=now(),
    )
    session.add(row)
    session.flush()
    return store.account(row)


def set_password(session: Session, username: str, password: str) -> None:
    """Change a password; every session of the account ends.

    :raises InputError: when there is no such account, or the password is too short.
    """
    if not store.STAFF.set_password(session, username, password):
        raise InputError(f"there is no account {username[:80]}")


def list_staff(session: Session) -> list[StaffAccount]:
    return store.staff_accounts(session)


class StaffSessions(SignIn[StaffRow, StaffSessionRow]):
    """Signs librarians in and out, and tells whose a cookie is (the port ``backend.core.http.StaffDirectory``)."""

    def __init__(self, database: Database, *, key: str, ttl: int) -> None:
        super().__init__(database, store.STAFF, key=key, purpose="staff", ttl=ttl)

    def session(self, cookie: str) -> StaffSession | None:
        """Whose cookie this is; None when it is forged, too old or signed out."""
        found = self.signed_in(cookie)
        if found is None:
            return None
        row, owner = found
        return StaffSession(_staff(owner), row.csrf)

    def verify(self, username: str, password: str) -> Staff:
        """Who this is, without a session: for programs that send name and password with every call.

        :raises Unauthenticated: for a wrong name or password.
        """
        return _staff(self.account(username, password))


def _staff(row: StaffRow) -> Staff:
    return Staff(id=row.id, username=row.username, name=row.name, role=Role(row.role), member=row.member)
