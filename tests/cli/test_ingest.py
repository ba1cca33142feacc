"""`lianwen ingest` as a process: killed it leaves a good state; twice at once is refused in one line."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from backend.core.db import Database
from indexer.catalogue import Catalogue
from tests.cli.test_command_line import ROOT, lianwen


def write(path: Path, count: int) -> None:
    lines = [
        json.dumps(
            {"id": f"q{n}", "title": f"业务{n}怎样办理", "text": f"第{n}项业务到{n}号窗口办理。"}, ensure_ascii=False
        )
        for n in range(count)
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


def test_a_killed_ingest_is_completed_by_the_next_and_two_at_once_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "faq.jsonl", 40)
    arguments = ("ingest", "faq.jsonl", "--collection", "faq", "--kind", "faq", "--json")
    environment = {**os.environ, "LIANWEN_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    script = [sys.executable, "-c", "from backend.cli import main; main()", *arguments]
    with subprocess.Popen(
        script, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the load has begun
        time.sleep(random.Random(os.getpid()).uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)

    books = Catalogue(Database(f"sqlite:///{tmp_path / 'lianwen.sqlite3'}").engine)
    alive = f"{socket.gethostname()[:24]}:{os.getpid()}:x"
    holder = books.lock_holder("faq/")
    if holder:
        books.unlock("faq/", holder)
    books.lock("faq/", alive, now=time.time(), seconds=600)
    refused = lianwen(tmp_path, *arguments)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert "faq" in refused.stderr.splitlines()[-1]
    assert "Traceback" not in refused.stderr
    books.unlock("faq/", alive)

    completed = lianwen(tmp_path, *arguments)
    assert completed.returncode == 0, completed.stderr
    assert json.loads(completed.stdout)["loaded"] == 40
    found = json.loads(lianwen(tmp_path, "search", "业务7怎样办理", "--json").stdout)
    assert found["hits"][0]["source_id"] == "q7"


def test_asking_a_server_of_the_own_network_is_refused_in_one_line(tmp_path: Path) -> None:
    failed = lianwen(tmp_path, "ingest", "http://localhost:1/oai", "--collection", "oai", "--format", "oai")
    assert failed.returncode == 1
    assert "内部网络" in failed.stderr.splitlines()[-1]
