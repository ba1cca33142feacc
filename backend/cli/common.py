"""What the commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from backend.cli.console import progress
from backend.composition import Services
from backend.core.settings import load_settings

JsonOption = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]


@contextmanager
def services() -> Iterator[Services]:
    """The services of this process, released at the end."""
    made = Services(load_settings(), progress=progress())
    try:
        yield made
    finally:
        made.close()
