"""What an evaluation found: JSON for the next comparison, lines for a person."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from backend.core.errors import InputError


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answered(_Frozen):
    """One question, what was found for it (best first) and how that scores (each measure 0–1)."""

    id: str
    question: str
    relevant: tuple[str, ...]
    found: tuple[str, ...]
    scores: dict[str, float]

    @property
    def place(self) -> int | None:
        """Where the first relevant passage stands, from 1; None when it was not found."""
        return next((place for place, one in enumerate(self.found, start=1) if one in self.relevant), None)


class Report(_Frozen):
    """An evaluation. The digests name the sets by content, ``means`` are over all questions."""

    version: int = 1
    passages: int
    passages_digest: str
    questions_digest: str
    settings: dict[str, str]
    means: dict[str, float]
    answered: tuple[Answered, ...]

    def to_json(self) -> str:
        """The report as JSON; the same evaluation gives the same characters."""
        return self.model_dump_json(indent=1)

    def lines(self, *, worst: int = 0) -> list[str]:
        """The figures for a person, then the ``worst`` questions and where their passages stood."""
        head = f"{len(self.answered)} questions, {self.passages} passages"
        named = [f"{name}: {value}" for name, value in self.settings.items()]
        figures = [f"{name:<8} {mean:.4f}" for name, mean in self.means.items()]
        missed = sorted((one for one in self.answered if one.place != 1), key=lambda one: (-(one.place or 99), one.id))
        return [head, *named, *figures, *(_line(one) for one in missed[:worst])]


def save_report(report: Report, path: Path) -> None:
    """Write a report for a later comparison.

    :raises InputError: when the file cannot be written.
    """
    try:
        path.write_text(report.to_json() + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def load_report(path: Path) -> Report:
    """Read a report that was saved.

    :raises InputError: when there is none or it is none.
    """
    try:
        return Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise InputError(f"{path.name} is not a saved evaluation: {error.errors()[0]['msg']}") from error


def _line(answered: Answered) -> str:
    place = f"at {answered.place}" if answered.place else "not found"
    return f"  {answered.id} {answered.question} · {place}"
