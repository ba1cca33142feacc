"""The demo consortium's people and rules: libraries, what they supply each other, accounts, the enterprise branch."""

from __future__ import annotations

from datetime import date
from itertools import permutations

from sqlalchemy.orm import Session

from backend.consortium import members, staff
from backend.core.errors import Conflict
from backend.demo.holdings import CITY, NORMAL, QINGXI, VOCATIONAL, YUNSHAN
from backend.enterprise import branches

DEMO = "demo"
BRANCH = "SLENT"
BRANCH_ACCOUNT = "gaoxin"
LOCAL_ORIGINS = ("http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*")
BRANCH_NETWORKS = ("10.20.0.0/16",)
"""Not the loopback network: whoever opens the demo on their own machine is an ordinary reader first."""

LIBRARIES = {
    CITY: ("示例市图书馆", "示例市文化中心", 28.70, 115.90, ("1",)),
    NORMAL: ("示例师范学院图书馆", "示例市学府路1号", 28.74, 115.86, ()),
    VOCATIONAL: ("示例职业技术学院图书馆", "示例市职教园区", 28.66, 115.97, ()),
    QINGXI: ("示例市青溪县图书馆", "青溪县文化路", 28.45, 116.20, ("1",)),
    YUNSHAN: ("示例市云山县图书馆", "云山县云山大道", 28.98, 115.52, ("2",)),
}
"""Code → name, address, latitude, longitude, weekdays on which it is closed. All fictional."""

STAFF = {
    "office": ("联盟办公室", "office", None),
    "city": ("市馆馆员", "librarian", CITY),
    "norm": ("师院馆员", "librarian", NORMAL),
    "voc": ("职院馆员", "librarian", VOCATIONAL),
    "qingxi": ("青溪馆员", "librarian", QINGXI),
    "yunshan": ("云山馆员", "librarian", YUNSHAN),
}
"""User name → shown name, role, member."""

PAGE_PRICE = 20
COPY_PAGES = {QINGXI: 30, YUNSHAN: 30}
LOANS_A_MONTH = {NORMAL: 200, VOCATIONAL: 50}


def add_libraries(session: Session) -> None:
    """The libraries, and ``demo``: the city library's other web site, on this machine."""
    for code, (name, address, latitude, longitude, closed) in LIBRARIES.items():
        members.add_member(
            session, code, name=name, address=address, latitude=latitude, longitude=longitude, closed_days=closed
        )
    members.add_member(session, DEMO, name="示例市图书馆", origins=LOCAL_ORIGINS, alias_of=CITY)


def add_agreements(session: Session) -> int:
    """Everyone supplies everyone: loans free of charge, copies by the page (policy ``dd-fee``). How many were new."""
    known = {
        (agreement.requester, agreement.supplier, agreement.service)
        for agreement in members.list_agreements(session)
    }  # fmt: skip
    added = 0
    for requester, supplier in permutations(LIBRARIES, 2):
        if (requester, supplier, "loan") not in known:
            members.add_agreement(
                session, requester=requester, supplier=supplier, service="loan",
                max_per_month=LOANS_A_MONTH.get(supplier), valid_from=date(2026, 1, 1),
            )  # fmt: skip
            added += 1
        if (requester, supplier, "copy") not in known:
            members.add_agreement(
                session, requester=requester, supplier=supplier, service="copy", page_price_fen=PAGE_PRICE,
                max_pages=COPY_PAGES.get(supplier, 50), valid_from=date(2026, 1, 1),
            )  # fmt: skip
            added += 1
    return added


def add_accounts(session: Session, password: str) -> None:
    """Librarians of every library and the office, all with the password of this demo; those that exist stay."""
    for username, (name, role, member) in STAFF.items():
        try:
            staff.add_staff(session, username, password=password, name=name, role=role, member=member)
        except Conflict:
            continue


def add_branch(session: Session, password: str) -> None:
    """The enterprise branch with its authorised network and one account."""
    branches.add_branch(session, BRANCH, name="示例高新区企业分馆", networks=BRANCH_NETWORKS, member=DEMO)
    if not any(account.username == BRANCH_ACCOUNT for account in branches.list_accounts(session, BRANCH)):
        branches.add_account(session, BRANCH, BRANCH_ACCOUNT, password=password, name="高新区示例企业")
