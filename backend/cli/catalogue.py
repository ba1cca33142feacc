"""``catalogue``: what librarians ask of merged records (why are these one?) and how they put a merge right."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import typer

from backend.cli import common, console
from backend.composition import Services
from backend.core.errors import InputError
from indexer import decisions
from indexer.catalogue import Collection
from indexer.entries import decode
from indexer.records import Record

CollectionOption = Annotated[str, typer.Option(help="the collection")]
ReasonOption = Annotated[str, typer.Option(help="why: kept with the decision")]
StaffOption = Annotated[str, typer.Option(help="who decides")]
EntriesArgument = Annotated[
    list[str], typer.Argument(metavar="MEMBER:ID…", help="entries, as `catalogue show` lists them")
]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Look into merged records; split and join them.", no_args_is_help=True)
    group.command("merges")(merges_command)
    group.command("show")(show_command)
    group.command("split")(split_command)
    group.command("join")(join_command)
    group.command("decisions")(decisions_command)
    app.add_typer(group, name="catalogue")


def merges_command(
    collection: CollectionOption,
    limit: Annotated[int, typer.Option(help="at most so many, the latest first", min=1, max=10_000)] = 50,
    as_json: common.JsonOption = False,
) -> None:
    """Records made of several entries, each with the reason why they are one."""
    with common.services() as services:
        found = services.catalogue.merged(collection, limit=limit)
    if as_json:
        console.print_json([{"id": one[0], "title": one[1], "reason": one[2]} for one in found])
        return
    for item_id, title, reason in found:
        console.out.print(f"{item_id}  {title}\n    {reason}", markup=False)


def show_command(item_id: Annotated[str, typer.Argument(metavar="ID")], as_json: common.JsonOption = False) -> None:
    """The entries that make up one record, and why they are one."""
    with common.services() as services:
        item = services.catalogue.item(item_id)
        if item is None:
            raise InputError(f"no record {item_id}")
        entries = [_entry(*one) for one in services.catalogue.entries_in(item_id)]
        reason = services.catalogue.merge_reason(item_id)
    if as_json:
        console.print_json({"id": item_id, "title": item.title, "reason": reason, "entries": entries})
        return
    console.out.print(f"{item.title}（{item.collection}）", markup=False)
    for one in entries:
        console.out.print(f"  {one['entry']}  {one['description']}", markup=False)
    if reason:
        console.out.print(f"合并理由：{reason}", markup=False)


def _entry(member: str, source_id: str, payload: str) -> dict[str, Any]:
    thing = decode(payload)
    points: tuple[object, ...] = (thing.title,)
    if isinstance(thing, Record):
        isbns = "、".join(one.value for one in thing.identifiers if one.scheme == "isbn")
        points = (thing.title, thing.subtitle, *thing.parts, thing.responsibility, thing.edition, thing.publisher,
                  thing.year, isbns)  # fmt: skip
    return {"entry": f"{member}:{source_id}", "description": " / ".join(str(point) for point in points if point)}


def split_command(
    entries: EntriesArgument, collection: CollectionOption, reason: ReasonOption, staff: StaffOption = "cli"
) -> None:
    """Make each of these entries a record of its own; later loads keep it so."""
    with common.services() as services:
        into = _collection(services, collection)
        for key in _keys(entries):
            made = _decided(decisions.split, services, into, key, reason, staff)
            console.out.print(f"{key[0]}:{key[1]} → {made}", markup=False)
        services.build_index()


def join_command(
    entries: EntriesArgument, collection: CollectionOption, reason: ReasonOption, staff: StaffOption = "cli"
) -> None:
    """Make one record of these entries; later loads keep it so."""
    keys = _keys(entries)
    if len(keys) < 2:
        raise InputError("join needs at least two entries")
    with common.services() as services:
        into = _collection(services, collection)
        made = _decided(decisions.join, services, into, keys, reason, staff)
        services.build_index()
    console.out.print(f"{len(keys)} entries → {made}", markup=False)


def decisions_command(collection: CollectionOption, as_json: common.JsonOption = False) -> None:
    """What was split and joined, by whom and why."""
    with common.services() as services:
        found = services.catalogue.decided(collection)
    if as_json:
        console.print_json(found)
        return
    for one in found:
        day = datetime.fromtimestamp(one["decided"]).astimezone().strftime("%Y-%m-%d %H:%M")
        console.out.print(f"{day}  {one['member']}:{one['source_id']}  {one['staff']}  {one['reason']}", markup=False)


def _collection(services: Services, name: str) -> Collection:
    found = next((one for one in services.catalogue.collections() if one.name == name), None)
    if found is None:
        raise InputError(f"no collection {name}")
    return found


def _keys(entries: list[str]) -> list[decisions.EntryKey]:
    keys = []
    for entry in dict.fromkeys(entries):
        member, colon, source_id = entry.partition(":")
        if not colon or not source_id:
            raise InputError(f"{entry!r}: expected MEMBER:ID (the member may be empty)")
        keys.append((member, source_id))
    return keys


def _decided(decide: Any, services: Services, into: Collection, what: Any, reason: str, staff: str) -> str:
    try:
        return str(decide(services.catalogue, into, what, reason=reason, staff=staff, now=time.time()))
    except LookupError as error:
        raise InputError(f"the collection {into.name} has no such entry") from error
