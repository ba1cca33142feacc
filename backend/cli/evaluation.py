"""``eval`` and ``bench``: figures on named data."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the groups."""
