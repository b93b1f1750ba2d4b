"""Small ONNX models with the inputs and outputs of real taggers, whose answers can be worked out by hand.

Each answers the mean of every channel times `weights`, plus `bias`, through a sigmoid unless it gives logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_KINDS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def write_model(
    path: Path,
    weights: Sequence[Sequence[float]],
    bias: Sequence[float],
    *,
    side: int = 16,
    batch: int | str = "batch",
    channels_first: bool = False,
    kind: str = "float32",
    ending: str = "Sigmoid",
) -> None:
    """A model of `len(bias)` labels; `weights` by channel in the order of its input, then by label."""
    labels = len(bias)
    shape = [batch, 3, side, side] if channels_first else [batch, side, side, 3]
    nodes = [
        helper.make_node(
            "ReduceMean", ["input"], ["mean"], axes=[2, 3] if channels_first else [1, 2], keepdims=0
        ),
        helper.make_node("MatMul", ["mean", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
        helper.make_node(ending, ["logits"], ["output"]),
    ]
    graph = helper.make_graph(
        nodes,
        "means",
        [helper.make_tensor_value_info("input", _KINDS[kind], shape)],
        [helper.make_tensor_value_info("output", _KINDS[kind], [batch, labels])],
        [
            numpy_helper.from_array(np.asarray(weights, kind), "weights"),
            numpy_helper.from_array(np.asarray(bias, kind), "bias"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    model.ir_version = 8
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def write_labels(path: Path, *rows: tuple[str, int]) -> None:
    """A `selected_tags.csv` of names and categories."""
    lines = [f"{number},{name},{category},1" for number, (name, category) in enumerate(rows)]
    path.write_text("\n".join(["tag_id,name,category,count", *lines]) + "\n")
