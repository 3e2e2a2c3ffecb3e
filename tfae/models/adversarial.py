"""The adversarial autoencoder."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfae import priors
from tfae.arguments import non_negative
from tfae.attributes import checked_by
from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.batches.batch import Batch
from tfae.layers.seeds import next_seed
from tfae.losses.likelihoods import Likelihood, at_least_float32
from tfae.networks.compatibility import check_is_network
from tfae.networks.discriminator import discriminator as standard_discriminator
from tfae.networks.layers import for_further_network
from tfae.priors import Prior
from tfae.training import CosineOverFit
from tfae.training.players import Player

__all__ = ["AdversarialAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class AdversarialAutoencoder(EncoderDecoder):
    """A generative model: a discriminator makes the codes follow a prior of any shape.

    Each train step has three players. Encoder and decoder reconstruct; the discriminator learns to
    tell codes of data from draws from the prior; the encoder, as the generator, learns to fool the
    discriminator. Each player has its own optimizer. After training, `generate` decodes draws from
    the prior.

    By default `from_shape` builds hidden layers of (512, 512, 256) units and ends the encoder in a
    batch normalisation of the codes to the mean and variance of the prior (not with
    `normalize_codes=False`). If you build the networks yourself, do the same.

    If the prior has classes, labels can be given: `fit({"x": x, "label": label})`, with -1 where
    the class is unknown. The discriminator then sees the label beside the code. So each class moves
    to its own part of the prior, and codes of unknown class to any part.

    Example:
        ```python
        model = tfae.AdversarialAutoencoder.from_shape((28, 28, 1), 2, prior="gaussian_ring")
        model.compile()
        model.fit({"x": images, "label": labels}, epochs=50)
        threes = model.generate(16, seed=1, label=3)
        ```

    Args:
        encoder: Keras model from data `(batch, ...)` to codes `(batch, latent_dim)`.
        decoder: Keras model from codes to raw outputs of the data's shape, ending in a linear
            layer.
        discriminator: Keras model from codes to logits `(batch, 1)`, high for draws from the prior;
            its last layer is linear. For a prior with classes its input has `latent_dim +
            num_classes + 1` elements: the code and the one-hot class, whose last element means
            "unknown". The losses of several logits are summed, as for several discriminators.
        prior: `"gaussian"`, `"gaussian_ring"`, `"swiss_roll"`, `"uniform"`, a
            `tfae.priors.Prior`, or a function `(n, seed)` that draws codes; see
            `tfae.priors.Sampler`.
        likelihood: Name of one, such as `"bernoulli"`, `"gaussian"` or `"poisson"`, or a
            `tfae.losses.Likelihood`.
        gradient_penalty: Weight of the discriminator's squared gradient at draws from the prior,
            zero or more. It keeps training from oscillating (Mescheder et al., 2018).
        seed: Integer that determines the noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together or do not fit the prior, or a number is out
            of range.

    Reference:
        Makhzani et al., "Adversarial Autoencoders", 2015.
    """

    loss_names = (
        "reconstruction_loss",
        "discriminator_loss",
        "generator_loss",
        "gradient_penalty",
    )
    network_names = (*EncoderDecoder.network_names, "discriminator")
    # Keeping the information about the data in a code of the prior's shape takes a deeper network.
    architecture_defaults: ClassVar[dict[str, dict]] = {"mlp": {"hidden_units": (512, 512, 256)}}
    attribute_checks: ClassVar[dict[str, Callable]] = {
        "gradient_penalty": checked_by(non_negative, "gradient_penalty")
    }

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        discriminator: keras.Model,
        prior: str | Prior | Callable = "gaussian",
        likelihood: str | Likelihood = "bernoulli",
        gradient_penalty: float = 0.03,
        seed: int | None = None,
        **kwargs,
    ):
        super().__init__(encoder, decoder, likelihood=likelihood, seed=seed, **kwargs)
        check_is_network("discriminator", discriminator)
        self.discriminator = discriminator
        self.gradient_penalty = gradient_penalty
        self.prior = priors.get_fixed(prior)
        # Two generators, so that evaluating in between does not change the draws of training.
        self.training_seeds = keras.random.SeedGenerator(self.seed)
        self.evaluation_seeds = keras.random.SeedGenerator(self.seed + 1)
        self.discriminator_optimizer: keras.optimizers.Optimizer | None = None
        self.generator_optimizer: keras.optimizers.Optimizer | None = None
        self._build_if_possible()

    @classmethod
    def _networks(
        cls,
        build: Callable,
        input_shape: Sequence[int],
        latent_dim: int,
        *,
        prior: str | Prior | Callable = "gaussian",
        discriminator_units: Sequence[int] = (256, 256),
        normalize_codes: bool = True,
    ) -> tuple[keras.Model, keras.Model, keras.Model]:
        """Builds encoder and decoder, as in `EncoderDecoder`, and the discriminator.

        Args:
            build: Builds encoder and decoder.
            input_shape: Shape of one example.
            latent_dim: Size of the code.
            prior: As for the constructor; it determines the discriminator's input size.
            discriminator_units: Widths of the discriminator's hidden layers.
            normalize_codes: Whether the encoder ends in a batch normalisation of the codes to the
                mean and variance of the prior.
        """
        encoder, decoder = build(input_shape, latent_dim)
        prior = priors.get_fixed(prior)
        if normalize_codes:
            prior.build((None, latent_dim))
            encoder = _normalized(encoder, prior)
        class_size = 0 if prior.num_classes is None else prior.num_classes + 1
        width = latent_dim + class_size
        return (
            encoder,
            decoder,
            standard_discriminator([width], discriminator_units, **for_further_network(build)),
        )

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        self._contract = dataclasses.replace(
            self.data_contract(), num_classes=self.num_classes, expects_labels=False
        )
        class_size = self.num_classes + 1 if self._is_conditioned else 0
        width = self.latent_dim + class_size
        built = self.discriminator.built
        expected = getattr(self.discriminator, "input_shape", None) if built else None
        if expected is not None and expected[-1] != width:
            raise ValueError(
                f"`discriminator` takes inputs of size {expected[-1]}, but it must take {width}: "
                f"{self.latent_dim} for the code"
                + (f" and {class_size} for the class." if class_size else ".")
            )
        logits = self.discriminator(keras.KerasTensor((None, width)))
        if len(getattr(logits, "shape", ())) != 2:
            raise ValueError(
                "`discriminator` must give logits of shape (batch, 1); it gives "
                f"{tuple(logits.shape) if hasattr(logits, 'shape') else type(logits).__name__}."
            )

    @property
    def _is_conditioned(self) -> bool:
        """Whether the discriminator sees the class beside the code."""
        return self.num_classes is not None

    # ------------------------------------------------------------------ in the graph

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        code = self.encode_batch(batch, training)["code"]
        output = self._decoder_output(batch._replace(x=code), training)
        label = None if batch.label is None else tf.cast(batch.label, tf.int64)
        return {
            "reconstruction_loss": self.reconstruction_loss(batch, output),
            **self._game(code, label, training),
        }

    def _game(
        self, code: tf.Tensor, label: tf.Tensor | None, training: bool
    ) -> dict[str, tf.Tensor]:
        """The losses of both; each is log 2 per logit if the discriminator can only guess."""
        n = tf.shape(code)[0]
        if not self._is_conditioned:
            label = None
        elif label is None:
            label = tf.fill([n], tf.constant(-1, tf.int64))
        seeds = self.training_seeds if training else self.evaluation_seeds
        drawn = self.prior.sample(n, next_seed(seeds), label)
        with tf.GradientTape() as tape:
            tape.watch(drawn)
            drawn_logits = self._logits(drawn, label, training)
        gradient = tape.gradient(drawn_logits, drawn)
        code_logits = self._logits(code, label, training)
        discriminator_loss = tf.nn.softplus(-drawn_logits) + tf.nn.softplus(code_logits)
        return {
            "discriminator_loss": 0.5 * tf.reduce_sum(discriminator_loss, axis=-1),
            "generator_loss": tf.reduce_sum(tf.nn.softplus(-code_logits), axis=-1),
            "gradient_penalty": tf.reduce_sum(tf.square(at_least_float32(gradient)), axis=-1),
        }

    def _logits(self, code: tf.Tensor, label: tf.Tensor | None, training: bool) -> tf.Tensor:
        """The discriminator's logits, high for codes that look like draws from the prior."""
        code = at_least_float32(code)
        if label is not None:
            unknown = tf.constant(self.num_classes, label.dtype)
            one_hot = tf.one_hot(
                tf.where(label < 0, unknown, label), self.num_classes + 1, dtype=code.dtype
            )
            code = tf.concat([code, one_hot], axis=-1)
        return at_least_float32(self.discriminator(code, training=training))

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        return {"gradient_penalty": self.gradient_penalty}

    # ------------------------------------------------------------------ three optimizers

    @property
    def _learning_rates(self) -> tuple[float, float, float]:
        """Default rates for the reconstruction, the discriminator and the generator."""
        # Normalised codes are near the prior from the start, but not each class near its own part.
        return (2e-3, 3e-3, 2e-3 if self._is_conditioned else 3e-4)

    def players(self) -> Sequence[Player]:
        others = (self.discriminator, self.prior)
        return (
            Player(
                self.optimizer,
                [layer for layer in self.layers if layer not in others],
                ("reconstruction_loss",),
            ),
            Player(
                self.discriminator_optimizer,
                [self.discriminator],
                ("discriminator_loss", "gradient_penalty"),
            ),
            Player(self.generator_optimizer, [self.encoder], ("generator_loss",)),
        )

    def compile(
        self,
        optimizer: Any = None,
        discriminator_optimizer: Any = None,
        generator_optimizer: Any = None,
        auto_scale_loss: bool = True,
        **kwargs,
    ) -> None:
        """Configures training; every argument has a default that works.

        By default all three are Adam with learning rates that fall to zero over the steps of `fit`
        (`tfae.training.CosineOverFit`): with constant rates adversarial training does not settle.
        If an `optimizer` is given, the defaults of the other two have constant rates, too.

        Args:
            optimizer: Optimizer of encoder and decoder, for the reconstruction; by default
                Adam(2e-3).
            discriminator_optimizer: Optimizer of the discriminator; by default
                Adam(3e-3, beta_1=0.5, epsilon=1e-6).
            generator_optimizer: Optimizer of the encoder as the generator; by default
                Adam(3e-4, beta_1=0.5, epsilon=1e-6), which is enough for normalised codes, and 2e-3
                with a prior that has classes. The semi-supervised model, whose codes are not
                normalised, uses 1e-3 here and for `optimizer`. The larger this rate is relative to
                that of `optimizer`, the closer the codes come to the prior, and the less
                information about the data they keep.
            auto_scale_loss: Whether all three scale their losses under `mixed_float16`.
            **kwargs: As in `Trainer.compile`: `metrics`, `jit_compile`, `steps_per_execution`, ...

        Raises:
            ValueError: If one optimizer object is given twice; each holds the state of one player.
        """
        rates = self._learning_rates
        if optimizer is None:
            rates = [CosineOverFit(rate) for rate in rates]
            optimizer = keras.optimizers.Adam(rates[0])
        given = {
            "discriminator_optimizer": _adversarial_optimizer(discriminator_optimizer, rates[1]),
            "generator_optimizer": _adversarial_optimizer(generator_optimizer, rates[2]),
        }
        optimizer = keras.optimizers.get(optimizer)
        if len({id(optimizer), *map(id, given.values())}) < 3:
            raise ValueError(
                "`optimizer`, `discriminator_optimizer` and `generator_optimizer` must be three "
                "different objects: each keeps the state of its own player."
            )
        for name, value in given.items():
            setattr(self, name, self._scaled(value) if auto_scale_loss else value)
        self._given_optimizers = given
        super().compile(optimizer, auto_scale_loss=auto_scale_loss, **kwargs)

    def get_compile_config(self) -> dict:
        config = super().get_compile_config()
        if config:
            for name, optimizer in self._given_optimizers.items():
                config[name] = keras.saving.serialize_keras_object(optimizer)
        return config

    # ------------------------------------------------------------------ serialisation

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "discriminator": keras.saving.serialize_keras_object(self.discriminator),
            "prior": keras.saving.serialize_keras_object(self.prior),
            "gradient_penalty": self.gradient_penalty,
        }


def _normalized(encoder: keras.Model, prior: Prior) -> keras.Model:
    """Ends the encoder in a batch normalisation to the prior's mean and variance.

    Without it, reconstruction drives the codes apart, and a generator that is strong enough to pull
    them back also mixes them up.
    """
    draws = prior.sample(100_000, tf.constant([0, 0], tf.int64)).numpy().astype(np.float64)
    mean, deviation = draws.mean(axis=0), draws.std(axis=0)
    # Round to zero or one only what differs by the noise of the draws: a prior may be narrow.
    mean = np.where(np.abs(mean) < 0.02 * deviation, 0.0, mean)
    deviation = np.where(np.abs(deviation - 1.0) < 0.02, 1.0, deviation)
    code = keras.layers.BatchNormalization(
        center=False, scale=False, synchronized=True, dtype="float32", name="normalized"
    )(encoder.output)
    if np.any(mean != 0) or np.any(deviation != 1):
        rescaling = keras.layers.Rescaling(deviation.tolist(), mean.tolist(), dtype="float32")
        code = rescaling(code)
    return keras.Model(encoder.input, code, name="encoder")


def _adversarial_optimizer(identifier: Any, learning_rate: Any) -> keras.optimizers.Optimizer:
    """The optimizer of the discriminator or the generator; by default Adam with little momentum.

    Both chase a moving target, which momentum overshoots. In equilibrium the gradients almost
    vanish, and with the usual epsilon of 1e-7 Adam would follow their rounding errors.
    """
    if identifier is None:
        return keras.optimizers.Adam(learning_rate, beta_1=0.5, epsilon=1e-6)
    return keras.optimizers.get(identifier)
