"""``member``, ``agreement``, ``staff``, ``peer`` and ``branch``: who takes part, and on what terms."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel

from backend.cli import common, console
from backend.consortium import members, outside, peers, staff
from backend.core.errors import InputError


def register(app: typer.Typer) -> None:
    _group(
        app, "member", "The consortium's libraries and the sites that may embed the widget.", member_add, member_list
    )
    _group(app, "agreement", "What members supply to each other.", agreement_add, agreement_list)
    _group(app, "staff", "Librarians' accounts.", staff_add, staff_list)
    _group(app, "peer", "ISO 18626 partners outside the consortium.", peer_add, peer_list)
    _group(app, "supplier", "Outside suppliers that are asked by e-mail.", supplier_add, supplier_list)


def _group(app: typer.Typer, name: str, text: str, add: Any, listing: Any) -> typer.Typer:
    group = typer.Typer(help=text, no_args_is_help=True)
    group.command("add")(add)
    group.command("list")(listing)
    app.add_typer(group, name=name)
    return group


def show(rows: Sequence[Any], *, as_json: bool) -> None:
    """Rows as JSON, or one line each."""
    listed = [_plain(row) for row in rows]
    if as_json:
        console.print_json(listed)
        return
    for row in listed:
        console.out.print(
            "  ".join(f"{name}={value}" for name, value in row.items() if value not in (None, "", [])), markup=False
        )


def _plain(row: Any) -> dict[str, Any]:
    if isinstance(row, BaseModel):
        return row.model_dump(mode="json")
    values = dataclasses.asdict(row)
    return {name: _text(value) for name, value in values.items()}


def _text(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return list(value) if isinstance(value, tuple | set | frozenset) else value


def member_add(
    code: Annotated[str, typer.Argument(help="short code, used by --member and <lianwen-chat member>")],
    name: Annotated[str, typer.Option(help="the library's name")],
    origin: Annotated[list[str] | None, typer.Option(help="site that may embed the widget; may end in :*")] = None,
    address: Annotated[str, typer.Option(help="postal address")] = "",
    email: Annotated[str, typer.Option(help="where notices go")] = "",
    closed: Annotated[list[str] | None, typer.Option(help="closed weekday (1-7) or date (repeatable)")] = None,
    alias_of: Annotated[str, typer.Option(help="this code is another site of that member")] = "",
) -> None:
    """Add a member, or change one."""
    with common.services() as services, services.database.begin() as session:
        added = members.add_member(
            session, code, name=name, origins=origin or (), address=address, email=email, closed_days=closed or (),
            alias_of=alias_of or None,
        )  # fmt: skip
    console.out.print(f"member {added.code}: {added.name}", markup=False)


def member_list(as_json: common.JsonOption = False) -> None:
    """List the members."""
    with common.services() as services, services.database.read() as session:
        show(members.list_members(session), as_json=as_json)


def agreement_add(
    supplier: Annotated[str, typer.Option(help="code of the member that supplies")],
    requester: Annotated[str, typer.Option(help="code of the member that receives")],
    service: Annotated[str, typer.Option(help="loan or copy")],
    price: Annotated[float, typer.Option(min=0, help="yuan a request")] = 0.0,
    page_price: Annotated[float, typer.Option(min=0, help="yuan a page (copies)")] = 0.0,
    max_pages: Annotated[int | None, typer.Option(min=1, help="pages a request at most (copies)")] = None,
    max_per_month: Annotated[int | None, typer.Option(min=1, help="requests a month at most")] = None,
    valid_from: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="first day")] = None,
    valid_until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day")] = None,
) -> None:
    """Add what one member supplies to another."""
    with common.services() as services, services.database.begin() as session:
        added = members.add_agreement(
            session, requester=requester, supplier=supplier, service=service, price_fen=round(price * 100),
            page_price_fen=round(page_price * 100), max_pages=max_pages, max_per_month=max_per_month,
            valid_from=valid_from.date() if valid_from else None,
            valid_until=valid_until.date() if valid_until else None,
        )  # fmt: skip
    console.out.print(f"agreement: {added.supplier} supplies {added.service} to {added.requester}", markup=False)


def agreement_list(as_json: common.JsonOption = False) -> None:
    """List the agreements."""
    with common.services() as services, services.database.read() as session:
        show(members.list_agreements(session), as_json=as_json)


def staff_add(
    username: Annotated[str, typer.Argument(help="what they sign in with")],
    name: Annotated[str, typer.Option(help="how colleagues and readers see them")],
    member: Annotated[str, typer.Option(help="code of their library; empty: the consortium office")] = "",
    role: Annotated[str, typer.Option(help="librarian or office")] = "librarian",
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="asked for when not given")
    ] = "",
) -> None:
    """Add a librarian's account."""
    if role == "librarian" and not member:
        raise InputError("--member: a librarian belongs to a member (only --role office does not)")
    with common.services() as services, services.database.begin() as session:
        added = staff.add_staff(session, username, password=password, name=name, role=role, member=member or None)
    console.out.print(f"staff {added.username}: {added.name} ({added.role})", markup=False)


def staff_list(as_json: common.JsonOption = False) -> None:
    """List the accounts."""
    with common.services() as services, services.database.read() as session:
        show(staff.list_staff(session), as_json=as_json)


def peer_add(
    symbol: Annotated[str, typer.Argument(help="ISO 18626 agency symbol, such as ISIL:CN-110000")],
    url: Annotated[str, typer.Option(help="where their ISO 18626 endpoint is")],
    token: Annotated[str, typer.Option(prompt=True, hide_input=True, help="Bearer token shared with them")],
    name: Annotated[str, typer.Option(help="the partner's name")] = "",
    version: Annotated[str, typer.Option(help="ISO 18626 version they read: 1.2 or 2021-2")] = "1.2",
    outgoing_token: Annotated[str | None, typer.Option(help="token we show them (default: the same)")] = None,
) -> None:
    """Add an ISO 18626 partner."""
    with common.services() as services, services.database.begin() as session:
        added = peers.add_peer(
            session, symbol, url=url, token=token, name=name, version=version, outgoing_token=outgoing_token
        )
    console.out.print(f"peer {added.symbol}: {added.url}", markup=False)


def supplier_add(
    code: Annotated[str, typer.Argument(help="a short code of yours for it")],
    name: Annotated[str, typer.Option(help="the supplier's name")],
    email: Annotated[str, typer.Option(help="where requests are sent")],
    active: Annotated[bool, typer.Option(help="--no-active: do not ask it any more")] = True,
) -> None:
    """Add a supplier outside the consortium that is asked by e-mail when no member can supply."""
    with common.services() as services, services.database.begin() as session:
        added = outside.add_outside_supplier(session, code, name=name, email=email, active=active)
    console.out.print(f"supplier {added.code}: {added.email}", markup=False)


def supplier_list(as_json: common.JsonOption = False) -> None:
    """List the suppliers that are asked by e-mail."""
    with common.services() as services, services.database.read() as session:
        show(outside.list_outside_suppliers(session), as_json=as_json)


def peer_list(as_json: common.JsonOption = False) -> None:
    """List the partners (never their tokens)."""
    with common.services() as services, services.database.read() as session:
        show(peers.list_peers(session), as_json=as_json)
