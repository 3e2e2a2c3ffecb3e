"""What every likelihood has, and how its positive parameters are fixed or learned."""

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import is_number
from tfae.attributes import CheckedAttributes


class Likelihood(CheckedAttributes, keras.layers.Layer):
    """Base of the reconstruction losses: what the decoder's output means.

    A decoder ends in a linear layer; the likelihood owns everything after it. Write a new one by
    subclassing this with `elementwise_loss` and `mean`, and `sample` if it is a density.

    It is a Keras layer so that learned parameters are trained, saved and counted like any other
    weight. It is never called. It computes in float32, or in float64 if the decoder does.

    Args:
        **kwargs: Passed to `keras.layers.Layer`, except `parameter_shape`: the shape of learned
            parameters, which broadcasts to an example. By default there is one for all elements.

    Attributes:
        support: The closed interval that targets must lie in, or `None` for all real numbers. Its
            upper end may be infinite.
        integers: Whether targets are integers, of whatever dtype, as counts are.
        is_density: Whether `loss` is a negative log-density in nats, so that log p(x) exists and
            data can be drawn.
        link: Name of the function that `mean` applies to the decoder's output, such as "sigmoid";
            the decoder must not apply it too. `None` if the output already is the mean.
    """

    support: tuple[float, float] | None = None
    integers: bool = False
    link: str | None = None
    is_density = True

    # Parameters of the distributions, with a weight where they are learned.
    fixed_attributes = ("scale", "dispersion", "degrees_of_freedom")

    def __init__(self, **kwargs):
        self._parameter_shape = tuple(kwargs.pop("parameter_shape", ()))
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self._log_least: dict[str, float] = {}
        self.built = True

    def elementwise_loss(self, target: tf.Tensor, output: tf.Tensor) -> tf.Tensor:
        """The loss of each element; `output` broadcasts against `target`."""
        raise NotImplementedError

    def mean(self, output: tf.Tensor) -> tf.Tensor:
        """Maps decoder outputs to data space: the mean of p(x | z), of the same shape."""
        raise NotImplementedError

    def sample(self, output: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Draws data from p(x | z).

        Args:
            output: Decoder outputs `(batch, ...)`.
            seed: int64 `(2,)`. The same seed gives the same data, and the first m rows do not
                depend on how many follow them.

        Returns:
            Data `(batch, ...)` in float32, or in float64 as `output` is.

        Raises:
            ValueError: If this is a plain error, which is no distribution.
        """
        if not self.is_density:
            raise ValueError(
                f"{type(self).__name__} is a plain error, not a density, so there is no "
                "distribution to draw data from. Train with likelihood='gaussian' or 'laplace'."
            )
        raise NotImplementedError(f"{type(self).__name__} does not say how data is drawn.")

    def network_input(self, x: tf.Tensor) -> tf.Tensor:
        """Returns what an encoder should see of data `(batch, ...)`: by default the data itself."""
        return x

    def formula(self) -> dict[str, Any] | None:
        """Describes the loss as a term that `tfae.device` computes from target and mean.

        Returns:
            `{"term": name, parameter: value, ...}`, or `None` if there is no such term.
        """
        return None

    def loss(
        self,
        target: tf.Tensor,
        output: tf.Tensor,
        observed: tf.Tensor | None = None,
        weight: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The loss of each example, summed over its data dimensions.

        Elements that are not observed count nothing, and their gradients are zero.

        Args:
            target: Data of shape `(batch, ...)`, any real or integer dtype.
            output: Decoder outputs of shape `(batch, ...)`, or `(samples, batch, ...)` for several
                samples per example.
            observed: Which elements of the target are observed, bool `(batch, ...)`, or `None` for
                all. The others may be NaN.
            weight: Weights by which the elements' losses are multiplied, `(batch, ...)`, or with a
                last axis of size 1, or `None`.

        Returns:
            Float tensor `(batch,)` or `(samples, batch)`; in nats if the likelihood is a density.
        """
        per_element = self.element_losses(target, output, observed, weight)
        return tf.reduce_sum(per_element, axis=list(range(1 - len(target.shape), 0)))

    def element_losses(
        self,
        target: tf.Tensor,
        output: tf.Tensor,
        observed: tf.Tensor | None = None,
        weight: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The same before it is summed, in the shape of `output`."""
        output = at_least_float32(output)
        target = tf.cast(target, output.dtype)
        if observed is not None:
            observed = self.observed_elements(observed)
            # A value of the support, since the gradient of NaN is NaN even where it is left out.
            low = 0.0 if self.support is None else self.support[0]
            inside = np.where(np.isfinite(low), low, 0.0)
            target = tf.where(observed, target, tf.constant(inside, target.dtype))
        per_element = self.elementwise_loss(target, output)
        if weight is not None:
            per_element *= tf.cast(weight, per_element.dtype)
        if observed is not None:
            per_element = tf.where(observed, per_element, tf.zeros_like(per_element))
        return per_element

    def observed_elements(self, observed: tf.Tensor) -> tf.Tensor:
        """Which elements have a loss of their own, given which of the target are observed."""
        return observed

    # ------------------------------------------------------------------ positive parameters

    def _set_parameter(
        self, name: str, value: float | str, start: float = 1.0, least: float = 0.0
    ) -> None:
        """Keeps a positive number, or makes the weight `log_<name>` of one that is learned.

        Args:
            name: The constructor's argument, and the attribute that keeps what was given.
            value: A positive number or `"learned"`.
            start: Where a learned one starts.
            least: What a learned one never falls below; it must be less than `start`.

        Raises:
            ValueError: If `value` is neither.
        """
        if value == "learned":
            self._log_least[name] = math.log(least) if least else -math.inf
            start = keras.initializers.Constant(math.log(start - least))
            weight = self.add_weight(
                name=f"log_{name}",
                shape=self._parameter_shape,
                initializer=start,
                dtype="float32",
            )
            setattr(self, f"log_{name}", weight)
        elif not is_number(value) or value <= 0:
            raise ValueError(
                f"`{name}` must be a positive number or 'learned'; received {name}={value!r}."
            )
        else:
            value = float(value)
        setattr(self, name, value)

    def _log_parameter(self, name: str, dtype: tf.DType) -> tf.Tensor:
        """The logarithm of a parameter, of `dtype`: a scalar, or of the `parameter_shape`."""
        value = getattr(self, name)
        if value != "learned":
            return tf.constant(math.log(value), dtype)
        log_value, log_least = tf.cast(getattr(self, f"log_{name}"), dtype), self._log_least[name]
        if log_least == -math.inf:
            return log_value
        # The least value is added to what is learned, so that the gradient never ends.
        return log_least + tf.nn.softplus(log_value - log_least)

    def _parameter_now(self, name: str) -> float | list[float]:
        """The value of a parameter as it is now, outside of graphs."""
        value = getattr(self, name)
        if value == "learned":  # `float` fails for a variable with replicas
            log_value = keras.ops.convert_to_numpy(getattr(self, f"log_{name}")).astype("float64")
            value = (np.exp(log_value) + math.exp(self._log_least[name])).tolist()
        return value

    def get_config(self) -> dict:
        config = super().get_config()
        if self._parameter_shape:
            config["parameter_shape"] = list(self._parameter_shape)
        return config


def at_least_float32(x: tf.Tensor) -> tf.Tensor:
    """Casts half precision to float32, as sums over hundreds of pixels overflow or lose digits."""
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
