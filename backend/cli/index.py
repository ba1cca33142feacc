"""``ingest`` and ``index``: from files to a searchable snapshot."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from backend.cli import common, console
from backend.composition import Services
from backend.core.errors import ConfigurationError, InputError
from indexer.ingest import IngestOptions, IngestReport, ingest
from indexer.sources.holding_rules import HoldingRules, load_rules
from indexer.sources.table_columns import columns_from


class KindChoice(StrEnum):
    CATALOGUE = "catalogue"
    STANDARD = "standard"
    NEWS = "news"
    RESEARCH = "research"
    POLICY = "policy"
    FAQ = "faq"
    DOCUMENT = "document"


class FormatChoice(StrEnum):
    AUTO = "auto"
    MARC = "marc"
    MARCXML = "marcxml"
    MRK = "mrk"
    OAI = "oai"
    SRU = "sru"
    CSV = "csv"
    XLSX = "xlsx"
    JSONL = "jsonl"
    RSS = "rss"
    FILES = "files"


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest_command)
    group = typer.Typer(help="Build, verify and inspect the index.", no_args_is_help=True)
    group.command("build")(build_command)
    group.command("status")(status_command)
    group.command("verify")(verify_command)
    group.command("compact")(compact_command)
    app.add_typer(group, name="index")


def ingest_command(
    inputs: Annotated[list[str], typer.Argument(metavar="PATH_OR_URL…", help="files, folders, zip archives or URLs")],
    collection: Annotated[str, typer.Option(help="the collection they belong to; made when new")],
    kind: Annotated[KindChoice | None, typer.Option(help="what they are; told from the format when not given")] = None,
    member: Annotated[str, typer.Option(help="code of the member that holds them")] = "",
    format_: Annotated[FormatChoice, typer.Option("--format", help="their format")] = FormatChoice.AUTO,
    audience: Annotated[str, typer.Option(help="public, branch:CODE or staff")] = "public",
    complete: Annotated[bool, typer.Option(help="the input is the whole source: withdraw what is not in it")] = False,
    holdings_rules: Annotated[
        Path | None,
        typer.Option(help="TOML file: which MARC fields hold the holdings, whose the library codes are"),
    ] = None,
    columns: Annotated[str, typer.Option(help="tables: 书名=title,条码号=barcode, or a file of such lines")] = "",
    prefix: Annotated[str, typer.Option(help="OAI-PMH metadataPrefix or SRU recordSchema; the richest otherwise")] = "",
    set_: Annotated[str, typer.Option("--set", help="OAI-PMH set")] = "",
    from_: Annotated[str, typer.Option("--from", help="OAI-PMH: changed since this day; the last run otherwise")] = "",
    until: Annotated[str, typer.Option(help="OAI-PMH: changed until this day")] = "",
    query: Annotated[str, typer.Option(help="SRU: the CQL query")] = "",
    full: Annotated[bool, typer.Option(help="OAI-PMH: harvest from the beginning again")] = False,
    allow_private: Annotated[bool, typer.Option(help="let addresses in this server's own network be read")] = False,
    as_json: common.JsonOption = False,
) -> None:
    """Load records or documents and make them searchable."""
    asked = {"metadataPrefix": prefix, "set": set_, "from": from_, "until": until, "query": query}
    with common.services() as services:
        options = IngestOptions(
            collection=collection,
            kind=kind.value if kind else None,
            member=member,
            format=format_.value,
            audience=_audience(services, audience),
            complete=complete,
            rules=_rules(holdings_rules, services.settings.data_dir),
            columns=columns_from(columns) if columns else None,
            reading={name: value for name, value in asked.items() if value},
            full=full,
            allow_private=allow_private,
            networks=services.source_networks,
        )
        report = ingest(services.catalogue, inputs, options, progress=services.progress)
        services.build_index()
    if as_json:
        console.print_json(report.to_dict())
    else:
        _print_report(report)
    if report.read and not report.loaded:
        raise InputError(f"nothing could be loaded: {report.skipped_count} of {report.read} were skipped")


def _rules(given: Path | None, data_dir: Path) -> HoldingRules | None:
    """The rule file that was named, or the one in the data directory, or none."""
    if given is not None:
        return load_rules(given)
    default = data_dir / "holdings.toml"
    return load_rules(default) if default.is_file() else None


def _audience(services: Services, audience: str) -> str:
    if audience in ("public", "staff"):
        return audience
    prefix, _, code = audience.partition(":")
    if prefix != "branch" or not code:
        raise ConfigurationError(f"--audience {audience!r}: expected public, branch:CODE or staff")
    services.require_branch(code)
    return audience


def _print_report(report: IngestReport) -> None:
    for line in report.lines():
        console.out.print(line, markup=False)


def build_command(full: Annotated[bool, typer.Option(help="rebuild everything, reuse nothing")] = False) -> None:
    """Bring the index up to the catalogue."""
    with common.services() as services:
        report = services.build_index(full=full)
    console.out.print(str(report), markup=False)


def status_command(as_json: common.JsonOption = False) -> None:
    """What the current snapshot holds and how far it follows the catalogue."""
    with common.services() as services:
        status = services.snapshots.status()
        status["catalogue_revision"] = services.catalogue.head_revision()
    if as_json:
        console.print_json(status)
        return
    for name, value in status.items():
        console.out.print(f"{name}: {value}", markup=False)


def verify_command() -> None:
    """Check every file of the current snapshot against its checksum."""
    with common.services() as services:
        name = services.snapshots.verify()
    console.out.print(f"{name}: every checksum is right", markup=False)


def compact_command() -> None:
    """Merge what updates have left behind into one tidy snapshot."""
    with common.services() as services:
        report = services.compact_index()
    console.out.print(str(report), markup=False)


def existing(path: Path) -> Path:
    """``path``, which must be a file that can be read."""
    if not path.is_file():
        raise InputError(f"no such file: {path}")
    return path
