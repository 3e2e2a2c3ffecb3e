"""Traced functions under names that follow from what they compute.

XLA finds what it has compiled by a function's name and by the shapes of its inputs, and TensorFlow
gives every function that it traces another name: of two models that are built alike each is
compiled, and what is compiled stays for the life of the process. Here a traced function is
registered once more, under a hash of all that it says. A model that is built like one before it
then runs the program of that one, on its own variables; one that differs in anything, in a constant
too, does not.
"""

import contextlib
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfae.internals import RegisteredFunction, forget_gradient, function_definition


class SharedFunction:
    """A traced function that keeps its variables, but not the graph that was traced.

    Args:
        function: Traced. Its gradients are taken inside of it: nothing differentiates it any more.

    Attributes:
        name: Equal for functions that compute the same, of whatever variables.
    """

    def __init__(self, function: Any):
        self._captured = function.captured_inputs
        self._type = function.function_type
        shapes = {id(variable.handle): variable.shape for variable in function.variables}
        inputs = [f"{shapes.get(id(t), t.shape)} {t.dtype.name}" for t in self._captured]
        self._function = _registered(*canonical(function.name.decode(), str(inputs)))
        self.name = self._function.name

    def __call__(self, *args: Any) -> Any:
        try:
            return self._function(args, self._captured, self._type)
        except tf.errors.OutOfRangeError:  # the end of the data
            raise
        except tf.errors.OpError as error:
            error.add_note("compile(run_eagerly=True) shows which line of Python it comes from.")
            raise


def share(function: Any) -> Callable:
    """The function under a name of its contents; itself, where its graph must be kept.

    Args:
        function: What `get_concrete_function` gave.

    Returns:
        A function of the same arguments, which has a `name`.
    """
    # What is captured at each call anew, as by `tf.distribute`, hangs on the graph.
    if function.graph.deferred_external_captures:
        return function
    try:
        return SharedFunction(function)
    except _NotShareableError:
        return function


def let_go_of(function: Any) -> Any:
    """Lets the graph of a function be freed with it, where the function is not shared.

    Only what XLA compiles is shared. On TensorFlow's own kernels an adversarial model whose
    function had other names trained to other weights (by 8e-3 after 14 steps); why is not known.

    Args:
        function: What `get_concrete_function` gave. Nothing differentiates it any more.

    Returns:
        The same function.
    """
    with contextlib.suppress(_NotShareableError):
        canonical(function.name.decode())  # which forgets the gradients that it meets
    return function


class _NotShareableError(Exception):
    pass


# The last functions stay registered: a model that is made after another one is gone finds it, and
# what TensorFlow has prepared for it.
_kept: OrderedDict[str, RegisteredFunction] = OrderedDict()
_kept_lock = threading.Lock()
_MOST_KEPT = 64


def _registered(name: str, definitions: dict[str, Any]) -> RegisteredFunction:
    function = RegisteredFunction(name, definitions)
    with _kept_lock:
        dropped = [_kept.pop(name, None)]
        _kept[name] = function
        if len(_kept) > _MOST_KEPT:
            dropped.append(_kept.popitem(last=False))
    return function


def canonical(name: str, description: str = "") -> tuple[str, dict[str, Any]]:
    """Renames functions and all that is in them, so that equal ones are equal in every byte.

    Args:
        name: Of a function that TensorFlow knows.
        description: What else belongs to its contents, such as the shapes of its variables, which
            its definition does not tell.

    Returns:
        Its new name, and the new definitions by name: of it, and of all functions that it calls.
    """
    renamed: dict[str, str] = {}
    definitions: dict[str, Any] = {}

    def rename(old: str) -> str:
        if old not in renamed:
            definition = _without_names(_definition(old), rename)
            definition.signature.description = description if old == name else ""
            content = definition.SerializeToString(deterministic=True)
            new = "tfae_" + hashlib.sha256(content).hexdigest()[:40]
            definition.signature.name = new
            renamed[old], definitions[new] = new, definition
        return renamed[old]

    return rename(name), definitions


def _definition(name: str) -> Any:
    try:
        definition = function_definition(name)
    except tf.errors.NotFoundError as error:
        raise _NotShareableError from error
    # Python that is called from the graph lives as long as the graph.
    if any(node.op in ("PyFunc", "PyFuncStateless", "EagerPyFunc") for node in definition.node_def):
        raise _NotShareableError
    return definition


def _without_names(definition: Any, rename: Callable[[str], str]) -> Any:
    new = type(definition)()
    new.CopyFrom(definition)
    new.signature.name = ""
    nodes = {node.name: f"n{i}" for i, node in enumerate(new.node_def)}
    arguments = {arg.name: f"a{i}" for i, arg in enumerate(new.signature.input_arg)}
    results = {arg.name: f"r{i}" for i, arg in enumerate(new.signature.output_arg)}
    controls = {name: f"c{i}" for i, name in enumerate(new.signature.control_output)}

    def reference(text: str) -> str:
        """A tensor: `argument`, `node:output:index`, or `^node` for one to wait for."""
        if text.startswith("^"):
            return "^" + reference(text[1:])
        head, colon, rest = text.partition(":")
        return (arguments if head in arguments else nodes)[head] + colon + rest

    for arg in new.signature.input_arg:
        arg.name = arguments[arg.name]
    for arg in new.signature.output_arg:
        arg.name = results[arg.name]
    new.signature.control_output[:] = controls.values()
    for node in new.node_def:
        node.name = nodes[node.name]
        node.input[:] = [reference(text) for text in node.input]
        node.ClearField("experimental_debug_info")
        _rename_in_attributes(node.attr, nodes, rename)
    for field, names in ((new.ret, results), (new.control_ret, controls)):
        items = {names[key]: reference(value) for key, value in field.items()}
        field.clear()
        field.update(items)
    for attributes in new.arg_attr.values():
        attributes.attr.pop("_user_specified_name", None)
    for name in ("forward_function_name", "backward_function_name"):
        new.attr.pop(name, None)
    return new


def _rename_in_attributes(attributes: Any, nodes: dict[str, str], rename: Callable) -> None:
    if "_gradient_op_type" in attributes:
        forget_gradient(attributes.pop("_gradient_op_type").s.decode())
    for value in attributes.values():
        if value.HasField("func"):
            value.func.name = rename(value.func.name)
        for function in value.list.func:
            function.name = rename(function.name)
    if "_class" in attributes:  # with which nodes to share a device
        classes = attributes["_class"].list.s
        classes[:] = [_renamed_class(text, nodes) for text in classes]


def _renamed_class(text: bytes, nodes: dict[str, str]) -> bytes:
    prefix, node = text[:5], text[5:].decode()
    return prefix + nodes[node].encode() if prefix == b"loc:@" and node in nodes else text
