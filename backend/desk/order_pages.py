"""A request placed at the counter: written down, looked at (what was matched, price, limits), then sent."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Form
from fastapi.responses import Response

from backend.core.errors import LianwenError
from backend.desk.entrance import Csrf, SignedIn, see_other
from backend.desk.ports import Counter, Order
from backend.desk.rendering import Pages
from backend.desk.request_pages import parse_date

Text = Annotated[str, Form(max_length=20_000)]
"""Longer than any field may be: what is too long is answered on the page with its field, not with an error."""


def router(counter: Counter, pages: Pages) -> APIRouter:
    """``/desk/requests/new``."""
    routes = APIRouter(prefix="/desk/requests", include_in_schema=False)

    @routes.get("/new")
    def blank(session: SignedIn, record: str = "", citation: str = "") -> Response:
        typed = {"record_id": record[:64], "citation": citation[:2000], "service": "loan"}
        return pages.page(
            "order.html", session=session, section="requests", typed=typed, quote=None, key=secrets.token_hex(16)
        )

    @routes.post("/new", dependencies=[Csrf])
    def order(
        session: SignedIn,
        step: Annotated[Literal["quote", "place"], Form()] = "quote",
        key: Annotated[str, Form(max_length=64)] = "",
        record_id: Text = "",
        citation: Text = "",
        service: Annotated[Literal["loan", "copy"], Form()] = "loan",
        name: Text = "",
        contact: Text = "",
        pages_wanted: Text = "",
        needed_by: Text = "",
        pickup: Text = "",
        delivery: Text = "",
        note: Text = "",
        member: Text = "",
    ) -> Response:
        typed = {
            "record_id": record_id, "citation": citation, "service": service, "name": name, "contact": contact,
            "pages": pages_wanted, "needed_by": needed_by, "pickup": pickup, "delivery": delivery, "note": note,
            "member": member,
        }  # fmt: skip
        quote = None
        try:
            wanted = Order(**{**typed, "needed_by": parse_date(needed_by.strip())})  # type: ignore[arg-type]
            if step == "place":
                return see_other(f"/desk/requests/{counter.place(wanted, staff=session.staff, key=key)}")
            quote = counter.quote(wanted, staff=session.staff)
        except LianwenError as error:
            return pages.page(
                "order.html", session=session, section="requests", error=error, typed=typed, quote=quote, key=key
            )
        return pages.page("order.html", session=session, section="requests", typed=typed, quote=quote, key=key)

    return routes
