"""The packaged model and any sentence-transformers model behave alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.embedding import Embedder, ModelUnavailableError, load_embedder


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers directory with random weights, made here: no hub, no download."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = sorted(set("图书馆联盟研究开放时间借阅规则天气很好今日abcdefghijklmnopqrstuvwxyz"))
    tokeniser = Tokenizer(models.WordLevel({letter: n for n, letter in enumerate(["[UNK]", *letters])}, "[UNK]"))
    tokeniser.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    torch.manual_seed(7)
    static = StaticEmbedding(tokeniser, embedding_weights=np.random.default_rng(7).normal(size=(len(letters) + 1, 32)))
    directory = tmp_path_factory.mktemp("model")
    SentenceTransformer(modules=[static], device="cpu").save(str(directory))
    return directory


@pytest.fixture(scope="module", params=["packaged", "sentence_transformers"])
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Embedder:
    model = "packaged" if request.param == "packaged" else str(tiny_model)
    return load_embedder(model, tmp_path_factory.mktemp("cache"))


def test_vectors_have_unit_length_and_the_declared_dimension(embedder: Embedder) -> None:
    texts = ["图书馆联盟研究", "a", "借阅规则 " * 400]
    for vectors in (embedder.embed_passages(texts), embedder.embed_queries(texts)):
        assert vectors.shape == (3, embedder.dimension)
        assert vectors.dtype == np.float32
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_order_and_company_do_not_change_a_vector(embedder: Embedder) -> None:
    texts = ["图书馆", "开放时间", "今日天气很好", "ab"]
    together = embedder.embed_passages(texts)
    backwards = embedder.embed_passages(texts[::-1])[::-1]
    assert (together * backwards).sum(axis=1).min() > 0.99


def test_the_likeness_of_texts_shows(embedder: Embedder) -> None:
    query = embedder.embed_queries(["图书馆开放时间"])
    near, far = embedder.embed_passages(["图书馆的开放时间", "今日天气很好"])
    assert float(query[0] @ near) > float(query[0] @ far)


def test_no_texts_give_no_vectors(embedder: Embedder) -> None:
    assert embedder.embed_passages([]).shape == (0, embedder.dimension)


def test_a_lone_surrogate_or_control_character_is_no_reason_to_fail(embedder: Embedder) -> None:
    vectors = embedder.embed_queries(["图书\ud800馆", "a\x00b"])
    assert np.isfinite(vectors).all()


def test_models_have_different_fingerprints(tmp_path: Path, tiny_model: Path) -> None:
    prints = {load_embedder(model, tmp_path).fingerprint for model in ("packaged", str(tiny_model))}
    assert len(prints) == 2


def test_a_model_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelUnavailableError, match="no-such-model"):
        load_embedder(str(tmp_path / "no-such-model"), tmp_path)
