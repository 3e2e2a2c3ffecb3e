"""Reads and edits the flatbuffer of a .tflite file."""

import copy
import json
from collections import Counter

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from tfae.device import METADATA_NAME

CONTROL_FLOW = {"IF", "WHILE"}

_OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}


def with_metadata(content: bytes, metadata: dict) -> bytes:
    """Adds the metadata that `tfae.device.read_metadata` reads."""
    model = _unpacked(content)
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    buffer.data = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    return _packed(model)


def signatures(content: bytes) -> dict[str, bytes]:
    """Makes a separate file for each signature, by name."""
    model = _unpacked(content)
    return {
        signature.signatureKey.decode(): _packed(_of_signature(model, signature))
        for signature in model.signatureDefs
    }


def operators(content: bytes) -> Counter:
    """Counts the operators in the first signature's graph, by their names in the schema."""
    model = _unpacked(content)
    return Counter(_name(model, operator) for operator in model.subgraphs[0].operators)


def single_operators(content: bytes) -> dict[str, bytes]:
    """Makes a file with a single operator for each kind of operator in the first graph."""
    model = _unpacked(content)
    graph = model.subgraphs[0]
    files: dict[str, bytes] = {}
    for operator in graph.operators:
        small = copy.copy(graph)
        small.operators = [operator]
        small.inputs = [
            i for i in operator.inputs if i >= 0 and not _is_constant(model, graph.tensors[i])
        ]
        small.outputs = operator.outputs
        part = copy.copy(model)
        part.subgraphs, part.signatureDefs = _needed([small, *model.subgraphs[1:]], model), []
        files.setdefault(_name(model, operator), _packed(part))
    return files


def _of_signature(model: schema.ModelT, signature: schema.SignatureDefT) -> schema.ModelT:
    """Puts the graph of a signature first, and empties those of the others.

    The graphs of loops stay where they are, because operators refer to them by index.
    """
    graphs = list(model.subgraphs)
    for other in model.signatureDefs:
        empty = copy.copy(graphs[other.subgraphIndex])
        empty.operators, empty.inputs, empty.outputs = [], [], []
        graphs[other.subgraphIndex] = empty
    graphs[signature.subgraphIndex], graphs[0] = graphs[0], graphs[signature.subgraphIndex]
    graphs[0] = model.subgraphs[signature.subgraphIndex]
    part, only = copy.copy(model), copy.copy(signature)
    only.subgraphIndex = 0
    part.subgraphs, part.signatureDefs = _needed(graphs, model), [only]
    return part


def _needed(graphs: list[schema.SubGraphT], model: schema.ModelT) -> list[schema.SubGraphT]:
    """Returns the first graph; if it has a loop or branch, also the others, which may be parts."""
    names = {_name(model, operator) for operator in graphs[0].operators}
    return graphs if names & CONTROL_FLOW else graphs[:1]


def _is_constant(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _name(model: schema.ModelT, operator: schema.OperatorT) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    # Files older than the 128th operator of the schema use the deprecated field.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return code.customCode.decode() if code.customCode else _OPERATORS[number]


def _unpacked(content: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(content, 0)


def _packed(model: schema.ModelT) -> bytes:
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Writes equal vectors only once.

    The signatures of a file share their weights, but the converter repeats some vectors for each of
    them: biases, and the scale and zero point of every channel.
    """

    def __init__(self):
        super().__init__(1024)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self.Prep(16, x.nbytes)  # the alignment of weights in the schema
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]
