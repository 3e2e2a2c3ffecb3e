"""Which operations a server without libraries of ours and without Python has."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

_CALL_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def check_stock_ops(folder: Path) -> None:
    """Checks that a SavedModel runs on stock TensorFlow.

    A single operation that a server does not know keeps it from loading the whole model.

    Raises:
        ValueError: If it does not; names the operations and the layers that they stand in.
    """
    saved = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    foreign = sorted({(node.op, node.name) for node in _nodes(saved) if not _is_stock(node.op)})
    if foreign:
        listed = "; ".join(f"{op} in {name}" for op, name in foreign)
        raise ValueError(
            "The model cannot be exported: stock TensorFlow Serving, which has neither custom "
            f"operations nor Python, does not know {listed}. Replace the layer that makes it."
        )


def _nodes(saved: SavedModel) -> Iterator[NodeDef]:
    for meta_graph in saved.meta_graphs:
        yield from meta_graph.graph_def.node
        functions: Iterable = meta_graph.graph_def.library.function
        for function in functions:
            yield from function.node_def


def _is_stock(op: str) -> bool:
    # `raw_ops` was generated with TensorFlow: libraries that are loaded later are not in it.
    return hasattr(tf.raw_ops, op) and op not in _CALL_PYTHON
