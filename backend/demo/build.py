"""Builds the demo consortium once in the data directory; a later start sees by a stamp that nothing is to be done."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from backend.core.db import Database
from backend.core.errors import NotReady
from backend.core.settings import Settings
from backend.demo import consortium
from backend.demo.consortium import BRANCH, BRANCH_ACCOUNT, STAFF
from backend.demo.holdings import with_holdings
from backend.search.engine import SearchEngine
from indexer.build import BuildReport
from indexer.catalogue import Catalogue
from indexer.ingest import IngestOptions, ingest
from indexer.progress import Progress

DATA = Path(__file__).parent / "data"
VERSION = 1
"""Raised when this program makes something else of the same data files."""

PASSWORD_VARIABLE = "LIANWEN_DEMO_PASSWORD"  # noqa: S105 - the name of a variable


@dataclass(frozen=True, slots=True)
class Source:
    """A data file and where it goes."""

    file: str
    collection: str
    kind: str
    label: str
    audience: str = "public"


SOURCES = (
    Source("lc_books.mrc.xz", "catalogue", "catalogue", "联合目录"),
    Source("local_books.mrc", "catalogue", "catalogue", "联合目录"),
    Source("policies.jsonl", "policies", "policy", "规章与常见问题"),
    Source("standards.jsonl", "standards", "standard", "标准（公开部分）"),
    Source("news.jsonl", "news", "news", "产业资讯（公开部分）"),
    Source("research.jsonl", "research", "research", "科研成果（公开部分）"),
    Source("ent-standards.jsonl", "ent-standards", "standard", "企业分馆：标准", f"branch:{BRANCH}"),
    Source("ent-news.jsonl", "ent-news", "news", "企业分馆：产业资讯", f"branch:{BRANCH}"),
    Source("ent-research.jsonl", "ent-research", "research", "企业分馆：科研成果", f"branch:{BRANCH}"),
)


class DemoServices(Protocol):
    """What the demo needs of ``backend.composition.Services``."""

    @property
    def settings(self) -> Settings: ...

    @property
    def database(self) -> Database: ...

    @property
    def catalogue(self) -> Catalogue: ...

    @property
    def engine(self) -> SearchEngine: ...

    @property
    def progress(self) -> Progress | None: ...

    def build_index(self, *, full: bool = False) -> BuildReport: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """What a start of the demo did."""

    built: bool
    items: int
    seconds: float
    password: str

    def lines(self) -> list[str]:
        """For the person at the terminal."""
        done = "demo consortium built" if self.built else "demo consortium found as it was built"
        staff = ", ".join(STAFF)
        return [
            f"{done}: {self.items} records and documents, {self.seconds:.1f} s",
            f"librarians' desk /desk: user {staff}; enterprise branch /enterprise: user {BRANCH_ACCOUNT}",
            f"password of these demo accounts: {self.password}",
        ]


def create(services: DemoServices) -> DemoReport:
    """Members, agreements, accounts, collections and index; what is there already is left as it is."""
    began = time.perf_counter()
    password = _password(services.settings)
    stamp = _stamp(services.settings)
    if built := not _is_current(services, stamp):
        with services.database.begin() as session:
            consortium.add_libraries(session)
            consortium.add_agreements(session)
            consortium.add_accounts(session, password)
            consortium.add_branch(session, password)
        for source in SOURCES:
            _load(services, source)
        services.build_index()
        _write_stamp(services.settings, stamp)
    else:
        _bring_up_to_date(services)
    return DemoReport(
        built=built,
        items=len(services.catalogue.ids()),
        seconds=time.perf_counter() - began,
        password=password,
    )


def _bring_up_to_date(services: DemoServices) -> None:
    """Build the index anew when another version of the program, or another model, built the one that is there."""
    try:
        services.engine.snapshot_name()
    except NotReady:
        services.build_index()


def load_catalogue(services: DemoServices) -> None:
    """The demo's catalogue records alone, without an index."""
    for source in SOURCES:
        if source.kind == "catalogue":
            _load(services, source)


def _load(services: DemoServices, source: Source) -> None:
    options = IngestOptions(
        collection=source.collection,
        kind=source.kind,
        audience=source.audience,
        label=source.label,
        transform=with_holdings if source.kind == "catalogue" else None,
    )
    with _unpacked(DATA / source.file) as path:
        ingest(services.catalogue, [str(path)], options, progress=services.progress)


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """The file itself, or its content while the block lasts when it is compressed."""
    if path.suffix != ".xz":
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="lianwen-demo-") as directory:
        plain = Path(directory) / path.stem
        with lzma.open(path) as packed, plain.open("wb") as file:
            shutil.copyfileobj(packed, file)
        yield plain


def _stamp(settings: Settings) -> dict[str, str]:
    """What the built demo depends on: data files, this program's version, database, index folder, model."""
    digest = hashlib.blake2b(digest_size=16)
    for source in SOURCES:
        digest.update((DATA / source.file).read_bytes())
    return {
        "data": f"{VERSION}-{digest.hexdigest()}",
        "database": hashlib.blake2b(settings.effective_database_url.encode(), digest_size=8).hexdigest(),
        "index": str(settings.index_dir),
        "model": settings.embedding_model,
    }


def _is_current(services: DemoServices, stamp: dict[str, str]) -> bool:
    """Was this very demo built, and is its catalogue still in the database?"""
    path = _stamp_path(services.settings)
    if not path.exists():
        return False
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    if kept != stamp or not services.settings.index_dir.exists():
        return False
    return bool(services.catalogue.ids(collection="policies"))


def _stamp_path(settings: Settings) -> Path:
    return settings.data_dir / "demo.json"


def _write_stamp(settings: Settings, stamp: dict[str, str]) -> None:
    _replace(_stamp_path(settings), json.dumps(stamp))


def _password(settings: Settings) -> str:
    """The demo accounts' password: from the environment, or made once and kept where only this user can read it."""
    path = settings.data_dir / "demo_password"
    if path.exists():
        return path.read_text(encoding="utf-8").strip()
    password = os.environ.get(PASSWORD_VARIABLE, "").strip() or secrets.token_urlsafe(9)
    _replace(path, password)
    return password


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(path.suffix + ".new")
    beside.touch(mode=0o600)
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
