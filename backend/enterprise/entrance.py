"""Who is in a branch: by address or account; and the checks that a form was sent from our own page."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from urllib.parse import quote

from fastapi import Request

from backend.core.access import Caller
from backend.core.db import Database
from backend.core.errors import Forbidden, Unauthenticated
from backend.core.http import BRANCH_COOKIE, CSRF_FIELD, CSRF_HEADER, get_caller, own_page
from backend.enterprise import branches
from backend.enterprise.branches import Branches
from backend.enterprise.values import Branch, BranchSession

HOME = "/enterprise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A caller who is in a branch. ``session`` is None for one who only calls from its network."""

    caller: Caller
    branch: Branch
    session: BranchSession | None

    @property
    def csrf(self) -> str:
        return self.session.csrf if self.session else ""


class Entrance:
    """Tells which branch a request belongs to."""

    def __init__(self, database: Database, directory: Branches) -> None:
        self._database = database
        self.directory = directory

    def entered(self, request: Request) -> Entered | None:
        """The branch of this caller: their account's, else the first whose network they call from."""
        caller = get_caller(request)
        if not caller.branches:
            return None
        cookie = request.cookies.get(BRANCH_COOKIE)
        session = self.directory.session(cookie) if cookie else None
        code = session.account.branch if session else min(caller.branches)
        with self._database.read() as transaction:
            branch = branches.get_branch(transaction, code)
        return Entered(caller=caller, branch=branch, session=session)

    def account(self, request: Request) -> Entered:
        """A signed-in caller.

        :raises Unauthenticated: for anyone else, also from within the network.
        """
        entered = self.entered(request)
        if entered is None or entered.session is None:
            raise Unauthenticated("请先用企业分馆账号登录。")
        return entered


async def check_form(request: Request, entered: Entered) -> None:
    """The form carries the session's CSRF token.

    :raises Forbidden: when it does not.
    """
    given = request.headers.get(CSRF_HEADER)
    if given is None:
        given = str((await request.form()).get(CSRF_FIELD, ""))
    if not entered.csrf or not hmac.compare_digest(given.encode(), entered.csrf.encode()):
        raise Forbidden("页面已失效，请刷新后重试。", detail={"reason": "csrf"})


def login_path(request: Request) -> str:
    """The login page, which leads back to the page that was wanted."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"{HOME}/login?next={quote(wanted)}"


def safe_next(path: str) -> str:
    """Where to go after the login: a page of the branch, never another site."""
    return own_page(path, under=HOME) or HOME
