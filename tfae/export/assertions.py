"""Adds assertions to an exported graph, for what a server does not check by itself.

TensorFlow Serving checks the names and types of inputs against a signature, but not their shapes.
Because of broadcasting, a graph may return answers for shapes that it was never made for.
"""

import tensorflow as tf

from tfae.export.signatures import Outputs, Signature


def with_assertions(signature: Signature, num_classes: int | None) -> Signature:
    """Returns the same signature, which now only accepts inputs of the right shapes.

    Args:
        signature: Any signature.
        num_classes: The model's number of classes; an input "label" must lie in -1 to
            `num_classes - 1`.
    """

    def asserted(*inputs: tf.Tensor) -> Outputs:
        # TensorFlow believes the static shapes of the specification, so it would optimise any other
        # assertion about them away.
        inputs = [
            tf.ensure_shape(tensor, spec.shape, name=f"shape_of_{spec.name}")
            for tensor, spec in zip(inputs, signature.inputs, strict=True)
        ]
        checks = []
        first = signature.inputs[0].name
        for tensor, spec in zip(inputs[1:], signature.inputs[1:], strict=True):
            message = f"`{first}` and `{spec.name}` must have the same number of rows."
            same = tf.debugging.assert_equal(tf.shape(inputs[0])[0], tf.shape(tensor)[0], message)
            checks.append(same)
        for tensor, spec in zip(inputs, signature.inputs, strict=True):
            if spec.name == "label" and num_classes is not None:
                inside = tf.reduce_all((tensor >= -1) & (tensor < num_classes))
                message = f"`label` must lie from -1 (unknown) to {num_classes - 1}."
                checks.append(tf.debugging.Assert(inside, [message]))
        with tf.control_dependencies(checks):
            return signature.function(*map(tf.identity, inputs))

    return signature._replace(function=asserted)
