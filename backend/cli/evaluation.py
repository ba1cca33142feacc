"""``eval``: figures on named data."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.answer.evaluation import (
    claims_of,
    evaluate_answers,
    evaluate_refusal,
    evaluate_verification,
    read_asked,
)
from backend.cli import common, console
from backend.composition import Services
from backend.core.access import PUBLIC
from backend.core.settings import load_settings
from backend.search.evaluation import (
    compare,
    evaluate_retrieval,
    load_report,
    read_passages,
    read_questions,
    save_report,
)
from backend.search.values import SearchRequest
from indexer.ingest import IngestOptions, ingest

PassagesOption = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="JSONL: id, title, text")]
QuestionsOption = Annotated[Path, typer.Option(exists=True, dir_okay=False, help="JSONL: id, question, passage_ids")]


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="Measure quality on named data.", no_args_is_help=True)
    group.command("retrieval")(retrieval_command)
    group.command("answers")(answers_command)
    group.command("refusal")(refusal_command)
    app.add_typer(group, name="eval")


CLAIMS = 400
"""Questions (and sentences of what they find) that labelled claims are made of."""


@contextmanager
def apart(passages: Path) -> Iterator[Services]:
    """Services over an index of these passages alone, in a folder that is deleted afterwards."""
    settings = load_settings()
    with tempfile.TemporaryDirectory(prefix="lianwen-eval-") as directory:
        own = settings.model_copy(update={"data_dir": Path(directory), "database_url": ""})
        services = Services(own, progress=console.progress())
        services.__dict__["embedder"] = Services(settings).embedder  # the prepared model, not one prepared anew
        try:
            ingest(services.catalogue, [str(passages)], IngestOptions(collection="eval", kind="document"))
            services.build_index()
            yield services
        finally:
            services.close()


def retrieval_command(
    passages: PassagesOption,
    questions: QuestionsOption,
    save: Annotated[Path | None, typer.Option(help="keep the report, to compare with later")] = None,
    against: Annotated[
        Path | None, typer.Option("--compare", exists=True, dir_okay=False, help="a kept report to compare with")
    ] = None,
    as_json: common.JsonOption = False,
) -> None:
    """Index the passages in an index of their own, ask every question, print R@1/5/10, MRR and nDCG."""
    known, asked = read_passages(passages), read_questions(questions)
    with apart(passages) as services:

        def find(question: str) -> list[str]:
            page = services.engine.search(SearchRequest(q=question, size=10), frozenset({PUBLIC}))
            return [hit.source_id for hit in page.hits]

        described = {"model": services.embedder.name, "fingerprint": services.embedder.fingerprint}
        report = evaluate_retrieval(find, known, asked, settings=described)
    if save:
        save_report(report, save)
    difference = compare(load_report(against), report) if against else None
    if as_json:
        console.print_json(report.model_dump(mode="json"))
        return
    for line in [*report.lines(worst=10), *(difference.lines() if difference else [])]:
        console.out.print(line, markup=False)


def answers_command(passages: PassagesOption, questions: QuestionsOption, as_json: common.JsonOption = False) -> None:
    """How often the first cited sentences hold a gold answer, how long an answer takes, and which of the labelled
    true and false claims made of the same texts verification lets pass."""
    asked = read_asked(questions)
    public = frozenset({PUBLIC})
    with apart(passages) as services:
        figures = evaluate_answers(services.answerer, asked, public)
        claims = claims_of(services.answerer, asked, public, limit=CLAIMS)
        _figures({**figures, "verification": evaluate_verification(claims)}, as_json=as_json)


def refusal_command(passages: PassagesOption, questions: QuestionsOption, as_json: common.JsonOption = False) -> None:
    """How well answerable questions are told from others: AUC and the trade-off of right and wrong refusals."""
    asked = read_asked(questions)
    with apart(passages) as services:
        _figures(evaluate_refusal(services.answerer, asked, frozenset({PUBLIC})), as_json=as_json)


def _figures(figures: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        console.print_json(figures)
        return
    for name, value in figures.items():
        console.out.print(f"{name}: {value}", markup=False)
