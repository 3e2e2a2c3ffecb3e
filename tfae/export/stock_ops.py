"""Checks that a SavedModel uses only operations that stock TensorFlow Serving has."""

import itertools
from pathlib import Path

import tensorflow as tf

from tfae.internals import graph_of_saved_model

_CALL_PYTHON = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def check_stock_ops(folder: Path) -> None:
    """Checks that a SavedModel runs on stock TensorFlow.

    A single unknown operation keeps a server from loading the whole model.

    Raises:
        ValueError: If it does not; the message names the operations and their layers.
    """
    graph = graph_of_saved_model(folder)
    nodes = itertools.chain(graph.node, *(f.node_def for f in graph.library.function))
    foreign = {(node.op, node.name) for node in nodes if not _is_stock(node.op)}
    # A server that was built without XLA rejects functions that must be compiled.
    foreign |= {
        ("jit_compile=True", function.signature.name)
        for function in graph.library.function
        if function.attr["_XlaMustCompile"].b
    }
    if foreign:
        listed = "; ".join(f"{op} in {name}" for op, name in sorted(foreign))
        raise ValueError(
            "`model` cannot be exported: stock TensorFlow Serving, which has no custom operations, "
            f"no Python and no XLA, cannot run {listed}. Replace the layer that makes it."
        )


def _is_stock(op: str) -> bool:
    # `raw_ops` was generated when TensorFlow was built, so it lacks libraries loaded later.
    return hasattr(tf.raw_ops, op) and op not in _CALL_PYTHON
