"""The command line ``lianwen``: every command exits non-zero with one clear line on error."""

from backend.cli.main import main

__all__ = ["main"]
