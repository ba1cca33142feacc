"""Snapshots: complete, verified, immutable states of the index, and the pointer to the one that serves.

::

    <directory>/CURRENT             name of the serving snapshot
    <directory>/writer.lock         held by the one writer
    <directory>/snapshots/<name>/   manifest.json, items/, passages/, segments/<n>/, alive-<n>.npy, moments.npz

A new snapshot shares the unchanged files of its predecessor by hard links, is verified file by file, and only then the
pointer is switched by an atomic rename. Whoever has the old one open keeps it: its files live until they are closed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1
MANIFEST = "manifest.json"
_POINTER = "CURRENT"


class SnapshotError(Exception):
    """The index cannot be read or written.

    ├── SnapshotMissing: nothing was built yet
    ├── SnapshotDamaged: files are absent or differ from their checksums
    └── WriterBusy: another process is writing
    """


class SnapshotMissing(SnapshotError):
    """There is no index yet."""


class SnapshotDamaged(SnapshotError):
    """A snapshot is not what its manifest says."""


class WriterBusy(SnapshotError):
    """Another process holds the writer lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprints:
    """What must be equal for vectors and tokens of two snapshots to be comparable."""

    model: str
    tokeniser: str
    schema: str
    dimension: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentEntry:
    """A segment in a snapshot: its name, items, passages, and how many items still live."""

    name: str
    items: int
    rows: int
    live: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a snapshot holds. ``revision`` is the catalogue's revision that it shows; ``files`` path → digest, size."""

    name: str
    created: str
    revision: int
    next_number: int
    fingerprints: Fingerprints
    dictionaries: Mapping[str, list[str]]
    segments: tuple[SegmentEntry, ...]
    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def items(self) -> int:
        return sum(segment.live for segment in self.segments)

    @property
    def rows(self) -> int:
        return sum(segment.rows for segment in self.segments)

    def to_json(self) -> str:
        body = asdict(self)
        return json.dumps({**body, "seal": _seal(body)}, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """:raises SnapshotDamaged: when it does not parse or its seal is broken."""
        try:
            body: dict[str, Any] = json.loads(text)
            seal = body.pop("seal")
            if seal != _seal(body):
                raise SnapshotDamaged("the manifest does not match its seal")
            if body["format"] != FORMAT:
                raise SnapshotDamaged(f"the manifest has format {body['format']}, this version reads {FORMAT}")
            body["fingerprints"] = Fingerprints(**body["fingerprints"])
            body["segments"] = tuple(SegmentEntry(**entry) for entry in body["segments"])
            body["files"] = {path: (digest, size) for path, (digest, size) in body["files"].items()}
            return cls(**body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SnapshotDamaged(f"the manifest cannot be read: {error}") from error


def _seal(body: Mapping[str, Any]) -> str:
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, default=list)
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()


def digest_of(path: Path) -> str:
    """blake2b (128 bit) of a file's content."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@dataclass(frozen=True, slots=True)
class Stored:
    """A snapshot on disk: where it lies and what its manifest says."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        return self.manifest.name


class SnapshotStore:
    """The snapshots in one directory. Any number of processes read; one writes at a time."""

    def __init__(self, directory: Path, *, keep: int = 3) -> None:
        self.directory = directory
        self.snapshots = directory / "snapshots"
        self._keep = max(keep, 2)
        self._verified: dict[tuple[int, int, int, int], str] = {}
        self._damaged: dict[str, str] = {}
        self._lock = threading.Lock()

    def pointer(self) -> str:
        """Name of the snapshot that should serve.

        :raises SnapshotMissing: when nothing was built yet.
        """
        try:
            return (self.directory / _POINTER).read_text(encoding="utf-8").strip()
        except FileNotFoundError as error:
            raise SnapshotMissing(f"there is no index in {self.directory}; build one first") from error

    def current(self) -> Stored:
        """The newest snapshot that is whole: the pointed one, or the latest good one before it.

        :raises SnapshotMissing: when nothing was built yet.
        :raises SnapshotDamaged: when no snapshot is whole.
        """
        while True:
            pointed = self.pointer()
            problems = []
            for name in [pointed, *(name for name in reversed(self.names()) if name < pointed)]:
                try:
                    return self.open(name)
                except SnapshotDamaged as error:
                    problems.append(str(error))
            # Two writes while this one was being opened: it was retired, not damaged.
            if self.pointer() == pointed:
                raise SnapshotDamaged("; ".join(problems))

    def damage(self) -> dict[str, str]:
        """Snapshots that were refused by this process, with the reason."""
        return dict(self._damaged)

    def open(self, name: str) -> Stored:
        """A snapshot by name, verified (each file once in this process).

        :raises SnapshotDamaged: with the file that is wrong.
        """
        with self._lock:
            if name in self._damaged:
                raise SnapshotDamaged(self._damaged[name])
            try:
                return self._checked(name)
            except SnapshotDamaged as error:
                self._damaged[name] = str(error)
                raise

    def names(self) -> list[str]:
        """Finished snapshots, oldest first."""
        if not self.snapshots.is_dir():
            return []
        return sorted(path.name for path in self.snapshots.iterdir() if (path / MANIFEST).is_file())

    def status(self) -> dict[str, Any]:
        """What the serving snapshot holds, in words and numbers.

        :raises SnapshotMissing: when nothing was built yet.
        :raises SnapshotDamaged: when no snapshot is whole.
        """
        stored = self.current()
        manifest = stored.manifest
        return {
            "snapshot": stored.name,
            "created": manifest.created,
            "revision": manifest.revision,
            "items": manifest.items,
            "passages": manifest.rows,
            "segments": len(manifest.segments),
            "bytes": sum(size for _, size in manifest.files.values()),
            "model": manifest.fingerprints.model,
            "tokeniser": manifest.fingerprints.tokeniser,
            "kept": self.names(),
            "refused": self.damage(),
        }

    def verify(self, name: str | None = None) -> str:
        """Read every file again and compare it, whatever was verified before; the name of the snapshot verified.

        :raises SnapshotDamaged: with the file that is wrong.
        """
        with self._lock:
            self._verified.clear()
            self._damaged.clear()
        return self.open(name or self.pointer()).name

    @contextlib.contextmanager
    def writing(self, *, wait: bool = True) -> Iterator[None]:
        """Hold the one writer lock of the directory.

        :raises WriterBusy: when another process holds it and ``wait`` is False.
        """
        with self._locked("writer.lock", wait=wait):
            _sweep(self.snapshots, ".new-*")
            yield

    @contextlib.contextmanager
    def rebuilding(self, *, wait: bool = True) -> Iterator[None]:
        """Hold the lock of whoever writes a whole index beside the serving one; writers go on meanwhile.

        :raises WriterBusy: when another process is rebuilding and ``wait`` is False.
        """
        with self._locked("rebuild.lock", wait=wait):
            _sweep(self.snapshots, ".whole-*")
            yield

    def is_rebuilding(self) -> bool:
        """Is a process writing a whole index beside the serving one?"""
        try:
            with self._locked("rebuild.lock", wait=False):
                return False
        except WriterBusy:
            return True

    @contextlib.contextmanager
    def _locked(self, name: str, *, wait: bool) -> Iterator[None]:
        self.snapshots.mkdir(parents=True, exist_ok=True)
        with (self.directory / name).open("a") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise WriterBusy(f"another process is writing to {self.directory}") from error
            yield

    def begin(self, base: Stored | None) -> Path:
        """An unfinished directory for a new snapshot, with ``base``'s files linked into it.

        Hold the writer lock with a base, the lock of rebuilding without.
        """
        path = self.snapshots / (".new-update" if base else ".whole-index")
        path.mkdir()
        if base is not None:
            for relative in base.manifest.files:
                target = path / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                os.link(base.path / relative, target)
        return path

    def publish(self, path: Path, manifest: Manifest, *, base: Stored | None) -> Stored:
        """Checksum, flush and name the unfinished ``path``, then point to it. Hold the writer lock."""
        name = f"{self._last() + 1:09d}"
        files = _checksums(path, base)
        sealed = Manifest(**{**_shallow(manifest), "name": name, "files": files})
        shared = base.manifest.files if base else {}
        for relative in files:
            # what is linked from the base was flushed when that was written
            if files[relative] is not shared.get(relative):
                _flush(path / relative)
        (path / MANIFEST).write_text(sealed.to_json(), encoding="utf-8")
        _flush(path / MANIFEST)
        for folder in {path, *((path / relative).parent for relative in files)}:
            _flush(folder)
        final = self.snapshots / name
        path.rename(final)
        _flush(self.snapshots)
        self._remember(final, sealed)
        self._point(name)
        self._retire(name)
        return Stored(final, sealed)

    def discard(self, path: Path) -> None:
        """Delete an unfinished snapshot."""
        shutil.rmtree(path, ignore_errors=True)

    def _point(self, name: str) -> None:
        pointer = self.directory / _POINTER
        beside = self.directory / f".{_POINTER}.{os.getpid()}"
        beside.write_text(name + "\n", encoding="utf-8")
        _flush(beside)
        beside.replace(pointer)
        _flush(self.directory)

    def _retire(self, serving: str) -> None:
        for name in [name for name in self.names() if name < serving][: -(self._keep - 1) or None]:
            shutil.rmtree(self.snapshots / name, ignore_errors=True)

    def _last(self) -> int:
        taken = [found.name for found in self.snapshots.iterdir()]
        if (self.directory / _POINTER).exists():
            taken.append(self.pointer())
        return max((int(name) for name in taken if name.isdigit()), default=0)

    def _checked(self, name: str) -> Stored:
        path = self.snapshots / name
        try:
            manifest = Manifest.from_json((path / MANIFEST).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise SnapshotDamaged(f"snapshot {name}: no readable manifest ({error})") from error
        except SnapshotDamaged as error:
            raise SnapshotDamaged(f"snapshot {name}: {error}") from error
        with ThreadPoolExecutor(max_workers=2) as pool:
            checks = pool.map(lambda entry: self._check(path, name, *entry), manifest.files.items())
            for problem in checks:
                if problem:
                    raise SnapshotDamaged(problem)
        return Stored(path, manifest)

    def _check(self, path: Path, name: str, relative: str, expected: tuple[str, int]) -> str | None:
        try:
            key = _identity(path / relative)
            if key[2] != expected[1]:
                return f"snapshot {name}: {relative} has {key[2]} bytes instead of {expected[1]}"
            digest = self._verified.get(key) or digest_of(path / relative)
        except OSError as error:
            return f"snapshot {name}: {relative} cannot be read ({error.strerror})"
        if digest != expected[0]:
            return f"snapshot {name}: {relative} does not match its checksum"
        self._verified[key] = digest
        return None

    def _remember(self, path: Path, manifest: Manifest) -> None:
        with self._lock:
            self._damaged.pop(manifest.name, None)
            for relative, (digest, _) in manifest.files.items():
                self._verified[_identity(path / relative)] = digest


def _sweep(folder: Path, pattern: str) -> None:
    for path in folder.glob(pattern):
        shutil.rmtree(path, ignore_errors=True)


def _shallow(manifest: Manifest) -> dict[str, Any]:
    return {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}


def _identity(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _checksums(path: Path, base: Stored | None) -> dict[str, tuple[str, int]]:
    files: dict[str, tuple[str, int]] = {}
    for found in sorted(path.rglob("*")):
        if not found.is_file():
            continue
        if found.suffix == ".lock":
            found.unlink()
            continue
        relative = found.relative_to(path).as_posix()
        known = base.manifest.files.get(relative) if base else None
        if base and known and found.stat().st_ino == (base.path / relative).stat().st_ino:
            files[relative] = known
        else:
            files[relative] = (digest_of(found), found.stat().st_size)
    return files


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
