"""The root of the command line; the commands stand in the modules it brings in."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import typer
from sqlalchemy.exc import OperationalError

from backend.cli import bench, branches, catalogue, consortium, delivery, evaluation, index, operations, questions
from backend.core.errors import LianwenError
from indexer.build import BuildFailed
from indexer.catalogue import CollectionMismatchError, SourceBusyError
from indexer.embedding import ModelUnavailableError
from indexer.packaged.weights import WeightsDamagedError
from indexer.snapshot import SnapshotDamaged, SnapshotMissing
from indexer.sources.values import SourceError

INDEXER_ERRORS = (
    SourceError, SourceBusyError, CollectionMismatchError, ModelUnavailableError, WeightsDamagedError,
    BuildFailed, SnapshotMissing, SnapshotDamaged,
)  # fmt: skip

app = typer.Typer(
    name="lianwen",
    help="联问: the reference service of a regional library consortium.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for part in (index, catalogue, questions, operations, evaluation, bench, consortium, branches, delivery):
    part.register(app)


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="log what happens, on stderr")] = False,
) -> None:
    """Settings come from LIANWEN_* variables or a .env file; `lianwen doctor` lists them."""
    level = logging.DEBUG if verbose else logging.WARNING
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("jieba").setLevel(logging.WARNING)


def main() -> None:
    """Run a command; an error is one line on stderr and exit status 1 (2: wrong usage, 130: interrupted)."""
    try:
        app(standalone_mode=True)
    except LianwenError as error:
        _fail(error.message)
    except INDEXER_ERRORS as error:
        _fail(str(error))
    except OperationalError as error:
        _fail(f"the database cannot be used: {str(error.orig).splitlines()[0]}")
    except (OSError, UnicodeError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> None:
    sys.stderr.write(f"lianwen: {message}\n")
    sys.exit(1)
