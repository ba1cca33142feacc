"""Suppliers outside the consortium that are asked by e-mail; the library whose reader asks records their answers."""

from __future__ import annotations

import re

from sqlalchemy.orm import Session

from backend.consortium import store
from backend.consortium.models import OutsideSupplierRow
from backend.consortium.values import OutsideSupplier
from backend.core.db import now
from backend.core.errors import InputError

CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
EMAIL = re.compile(r"[^@\s<>,;\"']{1,64}@[^@\s<>,;\"']{3,255}")


def add_outside_supplier(session: Session, code: str, *, name: str, email: str, active: bool = True) -> OutsideSupplier:
    """Add one, or bring it up to these values (safe to repeat).

    :raises InputError: for a code, name or address that cannot be used.
    """
    if not CODE.fullmatch(code):
        raise InputError(f"supplier code: letters, digits, . _ - (at most 40), not {code[:50]!r}")
    if not name.strip():
        raise InputError("a supplier needs a name")
    if not EMAIL.fullmatch(email):
        raise InputError(f"not an e-mail address: {email[:100]!r}")
    row = session.get(OutsideSupplierRow, code)
    if row is None:
        row = OutsideSupplierRow(code=code, created_at=now())
        session.add(row)
    row.name, row.email, row.active = name.strip()[:200], email, active
    session.flush()
    return OutsideSupplier(code=code, name=row.name, email=email, active=active)


def list_outside_suppliers(session: Session) -> list[OutsideSupplier]:
    return store.outside_suppliers(session)
