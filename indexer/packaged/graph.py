"""Writes the packaged weights as an ONNX model that onnxruntime serves quickly on a CPU.

Inputs ``ids`` and ``mask`` are int32 [batch, length]; the output ``embedding`` is float32 [batch, hidden], the
mask-weighted mean of the last layer, L2-normalised. Word embeddings stay in 4 bit (lossless); the other matrices
become 8-bit integers per output, with activations quantised on the fly. Contrib operators:
https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from indexer.packaged.weights import BLOCK, Weights

RECIPE = 1
"""Raised whenever the graph changes: it is part of the prepared model's name and fingerprint."""

OPSET = 21
_CONTRIB = "com.microsoft"


def write_model(weights: Weights, path: Path) -> None:
    """Write ``path`` and, beside it, its weights in ``path.name + '.data'`` (mapped lazily, shared by processes)."""
    model = _Builder(weights).build()
    onnx.save_model(
        model,
        path,
        save_as_external_data=True,
        all_tensors_to_one_file=True,
        location=path.name + ".data",
        size_threshold=1024,
    )


class _Builder:
    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._shape = weights.shape
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def build(self) -> onnx.ModelProto:
        hidden = self._embed()
        for layer in range(self._shape.layers):
            hidden = self._feed_forward(layer, self._attend(layer, hidden))
        self._pool(hidden)
        graph = helper.make_graph(
            self._nodes,
            "multilingual-e5-small",
            [helper.make_tensor_value_info(n, TensorProto.INT32, ["batch", "length"]) for n in ("ids", "mask")],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", self._shape.hidden])],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(_CONTRIB, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="lianwen")

    def _add(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        domain = attributes.pop("domain", "")
        self._nodes.append(helper.make_node(operator, inputs, [output], domain=domain, **attributes))
        return output

    def _constant(self, name: str, array: NDArray[np.generic]) -> str:
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def _embed(self) -> str:
        hidden = self._shape.hidden
        nibbles, scales = self._weights.quantised("emb.word", inputs=hidden)
        packed = nibbles[:, 0::2] | nibbles[:, 1::2] << 4
        table = helper.make_tensor("emb.word", TensorProto.UINT4, nibbles.shape, packed.tobytes(), raw=True)
        self._constants["emb.word"] = table
        self._constant("emb.word.scale", scales.astype(np.float32))
        zeros = np.full((nibbles.shape[0], hidden // BLOCK // 2), 0x88, np.uint8)
        points = helper.make_tensor("emb.word.zero", TensorProto.UINT4, scales.shape, zeros.tobytes(), raw=True)
        self._constants["emb.word.zero"] = points
        words = self._add(
            "GatherBlockQuantized",
            ["emb.word", "ids", "emb.word.scale", "emb.word.zero"],
            "words",
            domain=_CONTRIB,
            gather_axis=0,
            quantize_axis=1,
            block_size=BLOCK,
        )
        types = self._weights.dense("emb.type").reshape(-1, hidden)
        positions = self._weights.dense("emb.pos").reshape(-1, hidden) + types[0]
        self._constant("positions", positions)
        self._constant("zero", np.array([0], np.int64))
        length = self._add("Shape", ["ids"], "length", start=1, end=2)
        placed = self._add("Slice", ["positions", "zero", length, "zero"], "placed")
        return self._normalise("emb.ln", self._add("Add", [words, placed], "embedded"))

    def _normalise(self, name: str, value: str) -> str:
        weight = self._constant(f"{name}.w", self._weights.dense(f"{name}.w"))
        bias = self._constant(f"{name}.b", self._weights.dense(f"{name}.b"))
        inputs = [value, weight, bias]
        return self._add("LayerNormalization", inputs, f"{name}.out", axis=-1, epsilon=self._shape.epsilon)

    def _attend(self, layer: int, hidden: str) -> str:
        size, prefix = self._shape.hidden, f"l{layer}"
        merged = np.concatenate([self._weights.matrix(f"{prefix}.{part}.w", inputs=size) for part in "qkv"])
        bias = np.concatenate([self._weights.dense(f"{prefix}.{part}.b") for part in "qkv"])
        integers, scale = _per_output(merged)
        quantised, step, point = self._quantise(f"{prefix}.in", hidden)
        attended = self._add(
            "QAttention",
            [
                quantised,
                self._constant(f"{prefix}.qkv.w", integers),
                self._constant(f"{prefix}.qkv.b", bias),
                step,
                self._constant(f"{prefix}.qkv.scale", scale),
                "mask",
                point,
                self._constant(f"{prefix}.qkv.zero", np.zeros(scale.shape, np.int8)),
            ],
            f"{prefix}.attended",
            domain=_CONTRIB,
            num_heads=self._shape.heads,
        )
        mixed = self._multiply(f"{prefix}.ao", attended, inputs=size)
        return self._normalise(f"{prefix}.aln", self._add("Add", [mixed, hidden], f"{prefix}.a.sum"))

    def _quantise(self, name: str, value: str) -> tuple[str, str, str]:
        outputs = (f"{name}.q", f"{name}.q.scale", f"{name}.q.zero")
        self._nodes.append(helper.make_node("DynamicQuantizeLinear", [value], list(outputs)))
        return outputs

    def _multiply(self, name: str, value: str, *, inputs: int) -> str:
        integers, scale = _per_output(self._weights.matrix(f"{name}.w", inputs=inputs))
        return self._add(
            "DynamicQuantizeMatMul",
            [
                value,
                self._constant(f"{name}.w", integers),
                self._constant(f"{name}.scale", scale),
                self._constant(f"{name}.zero", np.zeros(scale.shape, np.int8)),
                self._constant(f"{name}.b", self._weights.dense(f"{name}.b")),
            ],
            f"{name}.out",
            domain=_CONTRIB,
        )

    def _feed_forward(self, layer: int, hidden: str) -> str:
        prefix = f"l{layer}"
        wide = self._multiply(f"{prefix}.fi", hidden, inputs=self._shape.hidden)
        active = self._add("Gelu", [wide], f"{prefix}.gelu", approximate="none")
        narrow = self._multiply(f"{prefix}.fo", active, inputs=self._shape.feed_forward)
        return self._normalise(f"{prefix}.oln", self._add("Add", [narrow, hidden], f"{prefix}.f.sum"))

    def _pool(self, hidden: str) -> None:
        self._constant("last", np.array([-1], np.int64))
        self._constant("middle", np.array([1], np.int64))
        weight = self._add("Cast", ["mask"], "mask.float", to=TensorProto.FLOAT)
        column = self._add("Unsqueeze", [weight, "last"], "mask.column")
        kept = self._add("Mul", [hidden, column], "kept")
        total = self._add("ReduceSum", [kept, "middle"], "total", keepdims=0)
        # the mean differs from the sum by a positive factor, which the normalisation takes out again
        self._add("LpNormalization", [total], "embedding", axis=-1, p=2)


def _per_output(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """8-bit integers [in, out] and one scale an output, from a matrix [out, in]."""
    scale = np.maximum(np.abs(matrix).max(axis=1), 1e-12) / 127
    integers = np.clip(np.rint(matrix / scale[:, None]), -127, 127).astype(np.int8)
    return np.ascontiguousarray(integers.T), scale.astype(np.float32)
