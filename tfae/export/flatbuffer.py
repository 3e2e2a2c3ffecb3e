"""Work on the flatbuffer of a .tflite file."""

import copy
import json
from collections import Counter

from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from tfae.device import METADATA_NAME

_OPERATORS = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}


def with_metadata(content: bytes, metadata: dict) -> bytes:
    """Adds what `tfae.device.read_metadata` reads; equal weights are then stored once.

    The signatures of a file share the weights that they have in common. The converter stores some
    of them several times; sharing is a matter of buffer indices.
    """
    model = _unpacked(content)
    first: dict[bytes, int] = {}
    shared = {}
    for i, buffer in enumerate(model.buffers):
        if buffer.data is not None and len(buffer.data):
            shared[i] = first.setdefault(bytes(bytearray(buffer.data)), i)
    for subgraph in model.subgraphs:
        for tensor in subgraph.tensors:
            tensor.buffer = shared.get(tensor.buffer, tensor.buffer)
    of_metadata = {entry.buffer for entry in model.metadata or ()}
    for i, kept in shared.items():
        if i != kept and i not in of_metadata:
            model.buffers[i].data = None
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    buffer.data = list(json.dumps(metadata).encode())
    model.buffers.append(buffer)
    model.metadata = [*(model.metadata or ()), entry]
    return _packed(model)


def signatures(content: bytes) -> dict[str, bytes]:
    """A file of its own for each signature, by name."""
    model = _unpacked(content)
    return {
        signature.signatureKey.decode(): _packed(
            _of_subgraph(model, model.subgraphs[signature.subgraphIndex], signature)
        )
        for signature in model.signatureDefs
    }


def operators(content: bytes) -> Counter:
    """How often the first signature's graph has each operator, by the schema's name."""
    model = _unpacked(content)
    return Counter(_name(model, operator) for operator in model.subgraphs[0].operators)


def single_operators(content: bytes) -> dict[str, bytes]:
    """A file of one operator for each kind of operator and element type in the first graph."""
    model = _unpacked(content)
    (graph,) = model.subgraphs
    files = {}
    for operator in graph.operators:
        small = copy.copy(graph)
        small.operators = [operator]
        small.inputs = [
            i for i in operator.inputs if i >= 0 and not _is_constant(model, graph.tensors[i])
        ]
        small.outputs = operator.outputs
        files.setdefault(_name(model, operator), _packed(_of_subgraph(model, small, None)))
    return files


def _of_subgraph(
    model: schema.ModelT, subgraph: schema.SubGraphT, signature: schema.SignatureDefT | None
) -> schema.ModelT:
    part = copy.copy(model)
    part.subgraphs = [subgraph]
    part.signatureDefs = []
    if signature is not None:
        signature = copy.copy(signature)
        signature.subgraphIndex = 0
        part.signatureDefs = [signature]
    return part


def _is_constant(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


def _name(model: schema.ModelT, operator: schema.OperatorT) -> str:
    code = model.operatorCodes[operator.opcodeIndex]
    # Files of before the schema had more than 127 operators use the other field.
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    return code.customCode.decode() if code.customCode else _OPERATORS[number]


def _unpacked(content: bytes) -> schema.ModelT:
    return flatbuffer_utils.convert_bytearray_to_object(content)


def _packed(model: schema.ModelT) -> bytes:
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
