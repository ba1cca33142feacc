"""The packaged model's tokeniser, rebuilt from its vocabulary with the ``tokenizers`` library."""

from __future__ import annotations

import re

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from indexer.packaged.weights import Vocabulary

MAX_TOKENS = 512
BOS, PAD, EOS, UNKNOWN = 0, 1, 2, 3

_SPACES = re.compile(r"[ \t\n\r\f\v]+")
_PRIVATE_UNKNOWN = "\U0010fffd"  # so that a text that says "<unk>" is not taken for the unknown piece


class TextTokeniser:
    """Texts to token ids as multilingual-e5 expects them: ``<s>`` … ``</s>``, cut at 512 tokens."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._map = vocabulary.character_map
        pieces = list(zip(vocabulary.pieces, vocabulary.scores, strict=True))
        pieces[UNKNOWN] = (_PRIVATE_UNKNOWN, pieces[UNKNOWN][1])
        tokeniser = Tokenizer(models.Unigram(pieces, UNKNOWN, False))
        tokeniser.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always", True)
        tokeniser.decoder = decoders.Metaspace("▁", "always", True)
        bos, eos = vocabulary.pieces[BOS], vocabulary.pieces[EOS]
        tokeniser.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A {eos}", special_tokens=[(bos, BOS), (eos, EOS)]
        )
        tokeniser.enable_truncation(MAX_TOKENS)
        self._tokeniser = tokeniser

    def normalise(self, text: str) -> str:
        """Lone surrogates dropped, characters mapped as SentencePiece would, runs of spaces made one."""
        whole = text.encode("utf-8", "ignore").decode("utf-8")
        return _SPACES.sub(" ", whole.translate(self._map)).strip(" ")

    def encode(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text."""
        encoded = self._tokeniser.encode_batch_fast([self.normalise(text) for text in texts])
        return [one.ids for one in encoded]
