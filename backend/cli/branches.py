"""``branch``: the enterprise branches, their networks and accounts."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.cli import common, console
from backend.cli.consortium import show
from backend.enterprise import branches


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Enterprise branches: who sees their collections.", no_args_is_help=True)
    group.command("add")(branch_add)
    group.command("list")(branch_list)
    group.command("account")(account_add)
    app.add_typer(group, name="branch")


def branch_add(
    code: Annotated[str, typer.Argument(help="short code, such as GAOXIN; collections name it as branch:CODE")],
    name: Annotated[str, typer.Option(help="the branch's name")],
    network: Annotated[list[str] | None, typer.Option(help="authorised network, such as 10.20.0.0/16")] = None,
    member: Annotated[str, typer.Option(help="the member whose chat is shown on the branch's page")] = "",
) -> None:
    """Add an enterprise branch, or bring an existing one up to these values."""
    with common.services() as services, services.database.begin() as session:
        added = branches.add_branch(session, code, name=name, networks=network or (), member=member)
    console.out.print(f"branch {added.code}: {added.name} {', '.join(added.networks)}", markup=False)


def branch_list(as_json: common.JsonOption = False) -> None:
    """List the enterprise branches."""
    with common.services() as services, services.database.read() as session:
        show(branches.list_branches(session), as_json=as_json)


def account_add(
    code: Annotated[str, typer.Argument(help="the branch")],
    username: Annotated[str, typer.Argument(help="user name of the account")],
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True)],
    name: Annotated[str, typer.Option(help="the firm's name")] = "",
    email: Annotated[str, typer.Option(help="where it can be reached")] = "",
) -> None:
    """Add an account of a branch, for callers from outside its networks."""
    with common.services() as services, services.database.begin() as session:
        added = branches.add_account(session, code, username, password=password, name=name, email=email)
    console.out.print(f"account {added.username} of branch {added.branch}", markup=False)
