"""``delivery``: the simulation of routing rules, the figures, the lifecycle's diagram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from backend.cli import common, console
from backend.core.errors import InputError
from backend.delivery import figures, replay, simulation_report, simulation_study
from backend.delivery.lifecycle_document import markdown, mermaid
from backend.delivery.routing import Policy

DEFAULT = Policy()
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
    libraries: Annotated[int, typer.Option(min=2, max=500, help="libraries of the synthetic consortium")] = 12,
    history: Annotated[
        int | None, typer.Option(min=1, max=36_500, help="replay our own last so many days instead")
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same years")] = 1,
    years: Annotated[int, typer.Option(min=1, max=100, help="years to simulate, for the confidence intervals")] = 5,
    fairness: Annotated[
        float, typer.Option(min=0, help="days of waiting that a full imbalance is worth")
    ] = DEFAULT.fairness,
    price: Annotated[float, typer.Option(min=0, help="days that one yuan is worth")] = DEFAULT.price_per_yuan,
    queue: Annotated[float, typer.Option(min=0, help="days that one request in the queue is worth")] = DEFAULT.queue,
    distance: Annotated[float, typer.Option(min=0, help="days that 100 km are worth")] = DEFAULT.distance_per_100km,
    curve: Annotated[bool, typer.Option("--curve", help="also what fairness costs, from weight 0 on")] = False,
    plot: Annotated[Path | None, typer.Option(help="write an SVG plot to this file")] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Compare our routing rule, under any policy, with random, cheapest, nearest and the plain lent/borrowed ratio."""
    policy = replace(DEFAULT, fairness=fairness, price_per_yuan=price, queue=queue, distance_per_100km=distance)
    seeds = range(seed, seed + years)
    if history is None:
        worlds = simulation_study.synthetic_worlds(requests=requests, libraries=libraries, seeds=seeds)
    else:
        until = datetime.now(UTC)
        with common.services() as services, services.database.read() as session:
            worlds = replay.worlds(session, since=until - timedelta(days=history), until=until, seeds=seeds)
    found = simulation_study.study(worlds, policy=policy)
    points = simulation_study.curve(worlds, policy=policy) if curve else []
    if plot is not None:
        plot.write_text(simulation_report.svg(found, points), encoding="utf-8")
    if as_json:
        console.print_json(simulation_report.to_json(found, points))
        return
    parts = [simulation_report.table(found), simulation_report.differences(found)]
    parts += [simulation_report.table(points)] if points else []
    console.out.print("\n".join(parts), markup=False, end="", soft_wrap=True)


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


def lifecycle_command(
    as_markdown: Annotated[bool, typer.Option("--markdown", help="the whole document, with tables")] = False,
) -> None:
    """Print the lifecycle of a request as a Mermaid state diagram."""
    console.out.print(markdown() if as_markdown else mermaid(), markup=False, end="", soft_wrap=True)


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
