"""``delivery``: the simulation of routing rules, the figures, the lifecycle's diagram."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from backend.cli import common, console
from backend.core.errors import InputError
from backend.delivery import figures, simulate, simulation_report
from backend.delivery.lifecycle import mermaid

TABLES = ("months", "exchanges", "settlements")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Interlibrary loan and document delivery.", no_args_is_help=True)
    group.command("simulate")(simulate_command)
    group.command("figures")(figures_command)
    group.command("lifecycle")(lifecycle_command)
    group.command("erase")(erase_command)
    app.add_typer(group, name="delivery")


def simulate_command(
    requests: Annotated[int, typer.Option(min=1, max=1_000_000, help="requests of the synthetic year")] = 4000,
    libraries: Annotated[int, typer.Option(min=2, max=500, help="libraries of the consortium")] = 12,
    seed: Annotated[int, typer.Option(help="the same seed gives the same year")] = 1,
    plot: Annotated[Path | None, typer.Option(help="write an SVG plot to this file")] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Compare our routing rule with random, cheapest-first, nearest and the plain lent/borrowed ratio."""
    outcomes = simulate.compare(requests=requests, libraries=libraries, seed=seed)
    if plot is not None:
        plot.write_text(simulation_report.svg(outcomes), encoding="utf-8")
    if as_json:
        console.print_json(simulation_report.to_json(outcomes))
    else:
        console.out.print(simulation_report.table(outcomes), markup=False, end="")


def figures_command(
    table: Annotated[str, typer.Argument(help="months, exchanges or settlements")] = "months",
    days: Annotated[int, typer.Option(min=1, max=36_500, help="how far back")] = 365,
) -> None:
    """Print figures of the delivery queue as CSV."""
    if table not in TABLES:
        raise InputError(f"no such table: {table[:40]!r}; choose one of {', '.join(TABLES)}")
    until = datetime.now(UTC) + timedelta(seconds=1)
    since = until - timedelta(days=days)
    with common.services() as services, services.database.read() as session:
        rows: Sequence[object]
        if table == "months":
            rows = figures.by_month(session, since=since, until=until)
        elif table == "exchanges":
            rows = figures.exchanges(session, since=since, until=until)
        else:
            rows = figures.settlements(session, since=since, until=until)
        console.out.print(figures.to_csv(rows), markup=False, end="")


def lifecycle_command() -> None:
    """Print the lifecycle of a request as a Mermaid state diagram."""
    console.out.print(mermaid(), markup=False, end="")


def erase_command(
    member: Annotated[str, typer.Argument(help="code of the patron's library")],
    contact: Annotated[str, typer.Argument(help="the contact as the patron gave it")],
) -> None:
    """Forget a patron: name, contact and note of every closed request; open ones are named and left."""
    with common.services() as services:
        erased, open_still = services.counter.erase_contact(contact, member=member)
    if not erased and not open_still:
        raise InputError(f"no request of {member[:40]} has this contact")
    console.out.print(f"erased: {', '.join(erased) or 'none'}", markup=False)
    if open_still:
        console.out.print(f"still open, erase them when they are closed: {', '.join(open_still)}", markup=False)
