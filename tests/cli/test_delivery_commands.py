"""The commands of delivery and its partners, run in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backend.cli.main import app
from backend.core.db import Database
from backend.core.jobs import Runner, schedule
from backend.delivery.lifecycle import STATES


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LIANWEN_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("LIANWEN_DATABASE_URL", raising=False)
    return tmp_path


def run(*words: str) -> str:
    result = CliRunner().invoke(app, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_partners_are_listed_without_their_secrets(home: Path) -> None:
    run(
        "peer", "add", "ISIL:CN-9", "--url", "https://ill.example/iso18626", "--token", "theirs, secret",
        "--outgoing-token", "ours, secret", "--version", "2021-2",
    )  # fmt: skip
    run("supplier", "add", "nlc", "--name", "国家图书馆", "--email", "ill@nlc.example")
    listed = run("peer", "list", "--json")
    assert json.loads(listed)[0]["version"] == "2021-2"
    assert "secret" not in listed + run("peer", "list")
    assert json.loads(run("supplier", "list", "--json"))[0]["email"] == "ill@nlc.example"


def test_steps_that_keep_failing_are_shown_and_started_again(home: Path) -> None:
    assert run("worker", "--stuck") == ""
    database = Database(f"sqlite:///{home / 'lianwen.sqlite3'}")
    with database.begin() as session:
        schedule(session, "delivery.peer", "LW-1:1")

    def fail(_job: object) -> None:
        raise KeyError("no such thing")

    for _ in range(12):
        with database.begin() as session:
            session.connection().exec_driver_sql("UPDATE core_job SET due_at = '2020-01-01 00:00:00.000000'")
        Runner(database, {"delivery.peer": fail}).drain(limit=1)
    database.close()
    shown = run("worker", "--stuck")
    assert "delivery.peer LW-1:1: 12 tries, parked: KeyError: 'no such thing'" in shown
    assert "1 steps start again" in run("worker", "--retry")
    assert run("worker", "--stuck") == ""


def test_the_simulation_prints_json_and_draws_a_plot(home: Path) -> None:
    plot = home / "plot.svg"
    shown = json.loads(
        run("delivery", "simulate", "--requests", "200", "--years", "2", "--curve", "--plot", str(plot), "--json")
    )
    assert {one["rule"] for one in shown["rules"]} == {"ours", "random", "cheapest", "ratio", "nearest"}
    assert shown["rules"][0]["figures"]["gini"]["half"] > 0
    assert len(shown["fairness_curve"]) == 7
    assert plot.read_text(encoding="utf-8").startswith("<svg")


def test_an_empty_history_cannot_be_replayed(home: Path) -> None:
    failed = CliRunner().invoke(app, ["delivery", "simulate", "--history", "30"])
    assert failed.exit_code != 0
    assert "nothing to replay" in str(failed.exception)


def test_the_lifecycle_is_printed_whole(home: Path) -> None:
    drawn = run("delivery", "lifecycle")
    assert drawn.startswith("stateDiagram-v2")
    assert all(rule.label in run("delivery", "lifecycle", "--markdown") for rule in list(STATES.values())[:3])
