"""The command line as a person types it: one clear line on error, JSON and nothing else where it was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lianwen(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command over the data directory ``home``."""
    environment = {
        **os.environ,
        "LIANWEN_DATA_DIR": str(home),
        "PYTHONPATH": str(ROOT),
        "HF_HUB_OFFLINE": "1",
        **variables,
    }
    script = "from backend.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment, cwd=home, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory into which a FAQ was loaded; its third line is no JSON."""
    home = tmp_path_factory.mktemp("home")
    lines = [
        {"id": "hours", "title": "开放时间", "text": "本馆周二至周日9:00至17:00开放，周一闭馆。", "kind": "faq"},
        {"id": "card", "title": "怎样办证", "text": "凭身份证到一楼服务台办理，不收押金。", "kind": "faq"},
        {"id": "loan", "title": "借阅册数", "text": "每证可借图书十册，借期三十天。", "kind": "faq"},
        {"id": "wifi", "title": "无线网络", "text": "馆内提供免费无线网络，用手机号登录。", "kind": "faq"},
        {"id": "print", "title": "打印复印", "text": "二楼设有自助打印机，每页收费两角。", "kind": "faq"},
        {"id": "lost", "title": "图书遗失", "text": "遗失图书须购买同版本图书归还，或照价赔偿。", "kind": "faq"},
        {"id": "child", "title": "少儿阅览室", "text": "少儿阅览室面向十四岁以下读者，须由家长陪同。", "kind": "faq"},
        {"id": "parking", "title": "停车", "text": "地下一层停车场供读者免费停放两小时。", "kind": "faq"},
    ]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (home / "faq.jsonl").write_text(text + "\n{broken\n", encoding="utf-8")
    loaded = lianwen(home, "ingest", "faq.jsonl", "--collection", "faq", "--kind", "faq", "--json")
    assert loaded.returncode == 0, loaded.stderr
    report = json.loads(loaded.stdout)
    assert (report["added"], report["skipped"]) == (8, 1)
    return home


def test_what_was_ingested_is_found_in_the_next_command(home: Path) -> None:
    found = json.loads(lianwen(home, "search", "怎样办证", "--json").stdout)
    assert found["hits"][0]["source_id"] == "card"


def test_an_answer_quotes_its_source_exactly(home: Path) -> None:
    turn = json.loads(lianwen(home, "ask", "图书馆周一开放吗？", "--json").stdout)
    citations = [citation for sentence in turn["sentences"] for citation in sentence["citations"]]
    assert citations
    assert all(citation["quote"] in "本馆周二至周日9:00至17:00开放，周一闭馆。" for citation in citations)


def test_loading_again_changes_nothing(home: Path) -> None:
    again = lianwen(home, "ingest", "faq.jsonl", "--collection", "faq", "--kind", "faq", "--json")
    assert json.loads(again.stdout)["unchanged"] == 8


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("ingest", "no-such-file.mrc", "--collection", "c"), "no-such-file.mrc"),
        (("ingest", "faq.jsonl", "--collection", "faq", "--audience", "nobody"), "nobody"),
        (("ingest", "faq.jsonl", "--collection", "faq", "--audience", "branch:NONE"), "NONE"),
        (("ingest", "faq.jsonl", "--collection", "faq", "--audience", "staff"), "faq"),
        (("member", "add", "CODE", "--name", "馆", "--origin", "not a site"), "not a site"),
    ],
)
def test_an_error_is_one_line_that_names_the_input(home: Path, arguments: tuple[str, ...], named: str) -> None:
    failed = lianwen(home, *arguments)
    assert failed.returncode == 1
    assert named in failed.stderr.splitlines()[-1]
    assert "Traceback" not in failed.stderr


def test_a_wrong_setting_is_named(home: Path) -> None:
    failed = lianwen(home, "doctor", LIANWEN_RATE_LIMIT="sometimes")
    assert failed.returncode == 1
    assert "LIANWEN_RATE_LIMIT" in failed.stderr


def test_another_model_is_never_mixed_with_the_vectors_of_this_one(home: Path) -> None:
    failed = lianwen(home, "search", "怎样办证", LIANWEN_EMBEDDING_MODEL=str(home / "absent-model"))
    assert failed.returncode == 1
    assert "absent-model" in failed.stderr


def test_doctor_lists_every_setting_and_hides_secrets(home: Path) -> None:
    told = lianwen(home, "doctor", "--json", LIANWEN_CHAT_API_KEY="a-secret")
    assert "a-secret" not in told.stdout
    names = {setting["name"] for setting in json.loads(told.stdout)["settings"]}
    assert {"LIANWEN_DATA_DIR", "LIANWEN_DATABASE_URL", "LIANWEN_CHAT_MODEL"} <= names


def test_a_damaged_snapshot_is_refused_in_one_line(home: Path) -> None:
    vectors = max((home / "index").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else -1)
    kept = vectors.read_bytes()
    vectors.chmod(0o644)
    vectors.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    try:
        failed = lianwen(home, "index", "verify")
    finally:
        vectors.write_bytes(kept)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
