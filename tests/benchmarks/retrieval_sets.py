"""Writes the evaluation sets that the committed figures (``baselines/retrieval.json``) are about.

From the shared data: search-engine questions (DuReader-robust) among encyclopaedia passages (CMRC 2018) as distractors;
questions in Simplified over passages in Traditional characters (DRCD); headlines over their articles (LCTT).
Run ``python -m tests.benchmarks.retrieval_sets FOLDER``, then for each set
``lianwen eval retrieval --passages FOLDER/SET.passages.jsonl --questions FOLDER/SET.questions.jsonl``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import opencc

from tests.shared_data import ROOT

Line = dict[str, Any]
_HEAD = 900
"""Characters of an article that are searched."""


def _lines(path: str) -> list[Line]:
    return [json.loads(line) for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]


def _passages(path: str) -> list[Line]:
    return [{name: line[name] for name in ("id", "title", "text")} for line in _lines(path)]


def _questions(path: str) -> list[Line]:
    return [{name: line[name] for name in ("id", "question", "passage_ids")} for line in _lines(path)]


def sets() -> dict[str, tuple[list[Line], list[Line]]]:
    """Passages and questions by name."""
    simplify = opencc.OpenCC("t2s").convert
    web = _passages("qa_dureader_robust/passages.jsonl") + _passages("qa_cmrc2018/passages.jsonl")
    crossed = [{**q, "question": simplify(q["question"])} for q in _questions("qa_drcd/questions.jsonl")]
    news = [article for article in _lines("news/lctt_articles.jsonl") if article["text"].strip()]
    return {
        "search-engine": (web, _questions("qa_dureader_robust/questions.jsonl")),
        "cross-script": (_passages("qa_drcd/passages.jsonl"), crossed),
        "headlines": (
            [{"id": article["id"], "title": "", "text": article["text"][:_HEAD]} for article in news],
            [{"id": one["id"], "question": one["title"], "passage_ids": [one["id"]]} for one in news],
        ),
    }


def _write(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, (passages, questions) in sets().items():
        _write(folder / f"{name}.passages.jsonl", passages)
        _write(folder / f"{name}.questions.jsonl", questions)


if __name__ == "__main__":
    main()
