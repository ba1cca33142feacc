"""``bench search``: a made-up catalogue of any size is built, opened, searched, changed and asked over HTTP."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from backend.cli import common, console
from backend.composition import Services
from backend.core.errors import InputError
from backend.core.settings import Settings, load_settings
from backend.demo.build import load_catalogue
from backend.search.bench import BenchReport, measure, questions, size_of
from backend.search.bench_http import OverHttp, ask_over_http, family
from backend.search.freshness import Place, build_made_up, freshness
from backend.search.synthetic import Phrases
from indexer.build import outdated
from indexer.snapshot import SnapshotStore
from indexer.tokens import Tokeniser

_STARTING = 120.0
_PHRASES = 20_000
_UNUSED = 100_000_000
"""From this number on no record is made, but those that are written to see how soon."""


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Measure speed on a made-up catalogue.", no_args_is_help=True)
    group.callback()(lambda: None)
    group.command("search")(search_command)
    app.add_typer(group, name="bench")


def search_command(
    records: Annotated[int, typer.Option(min=100, max=5_000_000, help="made-up records")] = 10_000,
    searches: Annotated[int, typer.Option(min=10, help="searches to time")] = 300,
    directory: Annotated[
        Path | None, typer.Option(file_okay=False, help="keep catalogue and index here; what is here already is used")
    ] = None,
    over_http: Annotated[bool, typer.Option("--http/--no-http", help="also ask a server over HTTP")] = True,
    workers: Annotated[int, typer.Option(min=1, help="the server's processes; more than one needs Redis")] = 1,
    clients: Annotated[int, typer.Option(min=1, max=64, help="readers asking over HTTP at once")] = 4,
    save: Annotated[Path | None, typer.Option(help="keep the figures as JSON")] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Recombine real titles, names and subjects into a catalogue of any size; print build time, disk, memory, latency
    by stage, throughput in process and over HTTP, and how soon a write is seen."""
    with _kept(directory) as folder:
        report = _measure(folder, records, searches, (workers, clients) if over_http else None)
    figures = dataclasses.asdict(report)
    if save:
        save.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if as_json:
        console.print_json(figures)
        return
    for line in report.lines():
        console.out.print(line, markup=False)


@contextmanager
def _kept(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        yield directory
        return
    with tempfile.TemporaryDirectory(prefix="lianwen-bench-") as folder:
        yield Path(folder)


def _measure(folder: Path, records: int, searches: int, http: tuple[int, int] | None) -> BenchReport:
    load = round(os.getloadavg()[0], 1)
    settings = load_settings().model_copy(update={"data_dir": folder, "database_url": "", "rate_limit": "off"})
    services = Services(settings, progress=console.progress())
    phrases = _phrases()
    try:
        place = _place(services, phrases)
        made = _make(services, place, phrases, records)
        unopened = SnapshotStore(settings.index_dir)
        figures, engine = measure(unopened, services.catalogue, services.embedder, phrases, searches=searches)
        fresh = freshness(place, engine, phrases, first=_UNUSED + services.catalogue.head_revision())
        web = _over_http(settings, phrases, searches, *http) if http else None
        return BenchReport(
            records=records,
            cores=os.cpu_count() or 1,
            load=load,
            made_catalogue=round(made[0], 1) if made else None,
            made_index=round(made[1], 1) if made else None,
            catalogue_size=round(sum(path.stat().st_size for path in folder.glob("lianwen.sqlite3*")) / 2**20, 1),
            index_size=round(size_of(services.snapshots.current().path), 1),
            in_process=figures,
            freshness=fresh,
            over_http=web,
        )
    finally:
        services.close()


def _phrases() -> Phrases:
    """Of the catalogue loaded here; of the demo's records when there is none."""
    with common.services() as services:
        loaded = services.catalogue.get(services.catalogue.ids(kind="catalogue")[:_PHRASES])
        try:
            return Phrases.of(list(loaded.values()))
        except ValueError:
            pass
    with tempfile.TemporaryDirectory(prefix="lianwen-phrases-") as folder:
        own = Services(load_settings().model_copy(update={"data_dir": Path(folder), "database_url": ""}))
        load_catalogue(own)
        loaded = own.catalogue.get(own.catalogue.ids(kind="catalogue")[:_PHRASES])
        own.close()
    return Phrases.of(list(loaded.values()))


def _place(services: Services, phrases: Phrases) -> Place:
    pool = services.embedder.embed_passages(phrases.sample())
    url = services.settings.effective_database_url
    services.database.ping()
    return Place(
        database_url=url, index=services.settings.index_dir, fingerprint=services.embedder.fingerprint, pool=pool
    )


def _make(services: Services, place: Place, phrases: Phrases, records: int) -> tuple[float, float] | None:
    """Build what is not there.

    :raises InputError: when the folder holds a catalogue of another size.
    """
    there = len(services.catalogue.ids())
    if there > records:
        raise InputError(f"{services.settings.data_dir} holds {there:,} records, not {records:,}; name another folder")
    if services.settings.index_dir.exists():
        manifest = services.snapshots.current().manifest
        if manifest.items == records and not outdated(manifest, services.embedder, Tokeniser()):
            return None
    return build_made_up(place, phrases, records)


def _over_http(settings: Settings, phrases: Phrases, searches: int, workers: int, clients: int) -> OverHttp:
    with _server(settings, workers) as (port, process):
        asked = questions(phrases, searches * 2, seed=17)
        return ask_over_http(port, asked, workers=workers, clients=clients, processes=family(process))


@contextmanager
def _server(settings: Settings, workers: int) -> Iterator[tuple[int, int]]:
    """``lianwen serve`` over the made-up catalogue: its port and its process.

    :raises InputError: when it does not start.
    """
    port = _free_port()
    environment = os.environ | {
        "LIANWEN_DATA_DIR": str(settings.data_dir), "LIANWEN_DATABASE_URL": "", "LIANWEN_RATE_LIMIT": "off",
    }  # fmt: skip
    command = [sys.executable, "-m", "backend.cli", "serve", "--port", str(port), "--workers", str(workers)]
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - this program's own command
        try:
            _wait_until_ready(process, port)
            yield port, process.pid
        finally:
            process.terminate()


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _STARTING
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=10).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise InputError("bench: the server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
