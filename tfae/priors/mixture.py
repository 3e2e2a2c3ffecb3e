"""Priors that are mixtures of Gaussians."""

import keras
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.losses.divergence import gaussian_log_density
from tfae.ops.reference import standard_normal, standard_uniform
from tfae.priors.prior import Prior, sigma_steps


class Mixture(Prior):
    """Base of mixtures of Gaussians with diagonal covariances: sampling and density.

    Args:
        num_components: Number of Gaussians, at least 1.
        **kwargs: Passed to `keras.layers.Layer`.

    Raises:
        ValueError: If `num_components` is not an integer of at least 1.
    """

    is_learned = True

    def __init__(self, num_components: int, **kwargs):
        super().__init__(**kwargs)
        self.num_components = whole_number("num_components", num_components, 1)

    def components(self, index: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns means and log-variances, float32 `(n, latent_dim)` each.

        Args:
            index: Indices of the components wanted, int32 `(n,)`; all of them by default.
        """
        raise NotImplementedError

    def log_weights(self) -> tf.Tensor:
        """Returns the logarithms of the weights, `(num_components,)`; the weights sum to one."""
        raise NotImplementedError

    def sample(
        self, n: int | tf.Tensor, seed: tf.Tensor, label: tf.Tensor | None = None
    ) -> tf.Tensor:
        del label
        component_seed, noise_seed = tf.unstack(tf.random.split(seed, 2, alg="philox"))
        uniform = standard_uniform([n], component_seed)
        bounds = tf.cumsum(tf.exp(self.log_weights()))[:-1]
        mean, log_variance = self.components(tf.searchsorted(bounds, uniform, side="right"))
        noise = standard_normal([n, self.latent_dim], noise_seed)
        return mean + tf.exp(0.5 * log_variance) * noise

    def log_density(self, code: tf.Tensor) -> tf.Tensor:
        mean, log_variance = (tf.cast(t, code.dtype) for t in self.components())
        components = gaussian_log_density(code[..., None, :], mean, log_variance)
        return tf.reduce_logsumexp(components + tf.cast(self.log_weights(), code.dtype), axis=-1)

    def expected_log_density(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
        # As in `Prior`, but a step along one dimension changes only one term of a component's
        # density, so this needs the memory of one `log_density` instead of 2 d of them.
        component_mean, component_log_variance = (tf.cast(t, mean.dtype) for t in self.components())
        difference = mean[..., None, :] - component_mean
        at_mean = gaussian_log_density(mean[..., None, :], component_mean, component_log_variance)
        at_mean += tf.cast(self.log_weights(), mean.dtype)
        step = sigma_steps(log_variance)[..., None, :]

        def at_points(step: tf.Tensor) -> tf.Tensor:
            change = -0.5 * step * (step + 2.0 * difference) * tf.exp(-component_log_variance)
            return tf.reduce_logsumexp(at_mean[..., None] + change, axis=-2)

        return tf.reduce_mean(0.5 * (at_points(step) + at_points(-step)), axis=-1)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_components": self.num_components}


@keras.saving.register_keras_serializable("tfae.priors")
class LearnedMixture(Mixture):
    """A mixture of Gaussians whose means, variances and weights are trained with the model.

    It starts with equal weights, variances of one, and means drawn from N(0, I).

    Args:
        num_components: Number of Gaussians, at least 1.
        **kwargs: Passed to `keras.layers.Layer`.
    """

    def __init__(self, num_components: int = 10, **kwargs):
        super().__init__(num_components, **kwargs)
        self._seed: int | None = None

    def bind(
        self,
        encoder: keras.layers.Layer,
        input_shape: tuple[int | None, ...],
        support: tuple[float, float] | None,
        seed: int,
    ) -> None:
        self._seed = seed

    def build(self, code_shape: tuple[int | None, ...]) -> None:
        if self.built:
            return
        super().build(code_shape)
        shape = (self.num_components, self.latent_dim)
        normal = keras.initializers.RandomNormal(stddev=1.0, seed=self._seed)
        self.mean = self.add_weight(name="mean", shape=shape, initializer=normal)
        self.log_variance = self.add_weight(name="log_variance", shape=shape, initializer="zeros")
        self.logits = self.add_weight(name="logits", shape=shape[:1], initializer="zeros")

    def components(self, index: tf.Tensor | None = None) -> tuple[tf.Tensor, tf.Tensor]:
        parameters = (tf.convert_to_tensor(self.mean), tf.convert_to_tensor(self.log_variance))
        if index is None:
            return parameters
        return tuple(tf.gather(parameter, index) for parameter in parameters)

    def log_weights(self) -> tf.Tensor:
        return tf.nn.log_softmax(tf.convert_to_tensor(self.logits))
