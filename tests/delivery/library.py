"""Factories: a small consortium, items, drafts, actors."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from backend.consortium import members
from backend.core.access import Role, Staff
from backend.core.db import Database, now
from backend.delivery.requests import Rules
from backend.delivery.values import Actor, HoldingRef, ItemRef, RequestDraft
from backend.delivery.views import actor_of_staff, actor_of_visitor

RULES = Rules(open_limit=None)
PATRON = actor_of_visitor("v_1")


def consortium(database: Database) -> None:
    """City, college, county A, county B; everyone supplies everyone, except county B, which only borrows."""
    with database.begin() as session:
        for code, name in (("city", "市馆"), ("college", "学院馆"), ("county-a", "甲县馆"), ("county-b", "乙县馆")):
            members.add_member(session, code, name=name, email=f"{code}@example.org")
        for requester in ("city", "college", "county-a", "county-b"):
            for supplier in ("city", "college", "county-a"):
                if requester != supplier:
                    for service in ("loan", "copy"):
                        members.add_agreement(
                            session, requester=requester, supplier=supplier, service=service, max_pages=50,
                            page_price_fen=30, valid_from=date(2020, 1, 1),
                        )  # fmt: skip


def item(*holders: str, item_id: str = "r1", title: str = "地方志编纂", **more: Any) -> ItemRef:
    holdings = tuple(HoldingRef(member=code, call_number="K29/1") for code in holders)
    return ItemRef(id=item_id, title=title, holdings=holdings, **more)


def draft(found: ItemRef | None, *, service: str = "loan", **more: Any) -> RequestDraft:
    values: dict[str, Any] = {
        "member": "county-b",
        "service": service,
        "item": found,
        "patron_name": "读者",
        "patron_contact": "reader@example.org",
    }
    return RequestDraft(**(values | more))


def librarian(member: str) -> Staff:
    return Staff(id=f"s_{member}", username=member, name=f"{member} 馆员", role=Role.LIBRARIAN, member=member)


def office() -> Staff:
    return Staff(id="s_office", username="office", name="办公室", role=Role.OFFICE, member=None)


def staff_actor(member: str) -> Actor:
    return actor_of_staff(librarian(member))


def in_days(days: int) -> date:
    return now().date() + timedelta(days=days)
