"""Where the shared measuring data lies. It is no part of the repository: tests that need it say when it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("LIANWEN_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))


def shared(path: str) -> Path:
    """The file or folder ``path`` of the shared data; skips the calling test when it is not there."""
    found = ROOT / path
    if not found.exists():
        pytest.skip(f"shared data set absent: {path} (set LIANWEN_SHARED_DATA)")
    return found
