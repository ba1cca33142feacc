"""The packaged model is prepared once, checked, and made again when it was damaged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.embedding import load_embedder
from indexer.packaged.prepare import MODEL_FILE, prepare, reference
from indexer.packaged.tokeniser import TextTokeniser
from indexer.packaged.weights import Weights, WeightsDamagedError, packaged_path


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models")
    prepare(directory)
    return directory


@pytest.fixture(scope="module")
def tokeniser() -> TextTokeniser:
    return TextTokeniser(Weights(packaged_path()).vocabulary)


def test_what_is_prepared_reproduces_the_reference(cache: Path) -> None:
    texts, expected = reference()
    cosines = (prepare(cache).session.embed(texts) * expected).sum(axis=1)
    assert cosines.min() > 0.99


def test_both_scripts_and_printed_variants_have_one_vector(cache: Path) -> None:
    embedder = load_embedder("packaged", cache)
    traditional, simplified, other = embedder.embed_passages(
        ["區域圖書館學硏究", "区域图书馆学研究", "區域博物館學研究"]
    )
    assert float(traditional @ simplified) == pytest.approx(1, abs=1e-4)
    assert float(traditional @ other) < 0.99


def test_other_than_han_characters_keep_their_form(cache: Path) -> None:
    upper, lower = load_embedder("packaged", cache).embed_queries(["US Café", "us cafe"])
    assert float(upper @ lower) < 0.999


def test_a_second_start_reuses_what_is_there(cache: Path) -> None:
    before = [(path, path.stat().st_mtime_ns) for path in sorted(cache.rglob("*"))]
    prepare(cache)
    assert [(path, path.stat().st_mtime_ns) for path in sorted(cache.rglob("*"))] == before


def test_nothing_half_written_is_left(cache: Path) -> None:
    assert [path.name for path in cache.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize("damage", [b"", b"not a model"])
def test_a_damaged_model_is_made_again(tmp_path: Path, damage: bytes) -> None:
    model = tmp_path / prepare(tmp_path).fingerprint / MODEL_FILE
    model.write_bytes(damage)
    prepare(tmp_path)
    assert model.stat().st_size > 10_000


def test_serving_the_packaged_model_does_not_import_torch(cache: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from indexer.embedding import load_embedder;"
        f"load_embedder('packaged', Path({str(cache)!r})).embed_queries(['好']);"
        "sys.exit(int('torch' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_two_processes_may_prepare_at_once(tmp_path: Path) -> None:
    script = f"from pathlib import Path; from indexer.packaged.prepare import prepare; prepare(Path({str(tmp_path)!r}))"
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert len(list(tmp_path.iterdir())) == 1


def test_another_file_is_not_taken_for_the_weights(tmp_path: Path) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(WeightsDamagedError, match="weights"):
        Weights(path)


@pytest.mark.parametrize(
    ("text", "same_as"),
    [("ＡＢＣ　１２３", "ABC 123"), ("图书\n\n馆", "图书 馆"), ("  图书馆 ", "图书馆"), ("図\ud800書館", "図書館")],
)
def test_text_is_normalised_as_the_model_was_trained(tokeniser: TextTokeniser, text: str, same_as: str) -> None:
    assert tokeniser.encode([text]) == tokeniser.encode([same_as])


def test_a_text_that_spells_the_unknown_piece_is_read_as_letters(tokeniser: TextTokeniser) -> None:
    assert 3 not in tokeniser.encode(["<unk>"])[0]


def test_a_long_text_is_cut_at_512_tokens(tokeniser: TextTokeniser) -> None:
    assert len(tokeniser.encode(["图书馆" * 2000])[0]) == 512
