"""The adversarial autoencoder."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfae import priors
from tfae.arguments import non_negative
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
    """A generative model whose codes a discriminator pushes to a prior of any shape.

    Three players take their step at once: encoder and decoder reconstruct; the discriminator learns
    to tell codes of data from draws of the prior; the encoder, as the generator, learns to deceive
    it. Each has an optimizer of its own. At the end `generate` decodes draws of the prior.

    `from_shape` has hidden layers of (512, 512, 256) units by default, and normalises the codes by
    batch, to the mean and variance of the prior
    (`normalize_codes=False` for codes as they come); with networks of your own end the encoder so.

    With a prior that has parts for classes labels can be given, `fit({"x": x, "label": label})`,
    -1 where unknown. The discriminator then sees the label beside the code, so that each class goes
    to its part, and codes of unknown class to any.

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
        discriminator: Keras model from codes to logits `(batch, 1)`, large for codes of the prior;
            without an activation at its end. For a prior with classes it takes `latent_dim +
            num_classes + 1` numbers: the code, and the class one-hot, the last one for "unknown".
            Several logits are those of several discriminators: their losses are summed.
        prior: `"gaussian"`, `"gaussian_ring"`, `"swiss_roll"`, `"uniform"`, a
            `tfae.priors.Prior`, or a function `(n, seed)` that draws codes; see
            `tfae.priors.Sampler`.
        likelihood: `"bernoulli"`, `"gaussian"`, `"squared_error"`, or a `tfae.losses.Likelihood`.
        gradient_penalty: Weight of the discriminator's squared gradient at draws of the prior, zero
            or more. It keeps the game from running in circles (Mescheder et al., 2018).
        seed: Integer from which the noise and the order of the data follow; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Raises:
        ValueError: If the networks do not fit together or the prior, or a number is out of range.

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
    # What the code must keep of the data while it takes the prior's shape asks for depth.
    architecture_defaults: ClassVar[dict[str, dict]] = {"mlp": {"hidden_units": (512, 512, 256)}}

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
        self.gradient_penalty = non_negative("gradient_penalty", gradient_penalty)
        self.prior = priors.get_fixed(prior)
        # Two, so that evaluating now and then changes nothing in what training draws.
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
        """As in `EncoderDecoder`, and the discriminator.

        Args:
            build: Of the architecture.
            input_shape: Shape of one example.
            latent_dim: Size of the code.
            prior: As for the constructor, which says what the discriminator takes.
            discriminator_units: Widths of the discriminator's hidden layers.
            normalize_codes: Whether the encoder ends in a normalisation by batch, to the mean and
                variance of the prior.
        """
        encoder, decoder = build(input_shape, latent_dim)
        prior = priors.get_fixed(prior)
        if normalize_codes:
            prior.build((None, latent_dim))
            encoder = _normalized(encoder, prior)
        for_class = 0 if prior.num_classes is None else prior.num_classes + 1
        width = latent_dim + for_class
        return (
            encoder,
            decoder,
            standard_discriminator([width], discriminator_units, **for_further_network(build)),
        )

    def _check_networks(self, input_shape: Sequence[int | None]) -> None:
        super()._check_networks(input_shape)
        self._contract = dataclasses.replace(
            self._contract, num_classes=self.num_classes, expects_labels=False
        )
        for_class = self.num_classes + 1 if self._is_conditioned else 0
        width = self.latent_dim + for_class
        built = self.discriminator.built
        expected = getattr(self.discriminator, "input_shape", None) if built else None
        if expected is not None and expected[-1] != width:
            raise ValueError(
                f"`discriminator` takes {expected[-1]} numbers; it must take {width}: a code of "
                f"{self.latent_dim}" + (f", and {for_class} for the class." if for_class else ".")
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
            "reconstruction_loss": self.reconstruction_loss(batch.target, output),
            **self._game(code, label, training),
        }

    def _game(
        self, code: tf.Tensor, label: tf.Tensor | None, training: bool
    ) -> dict[str, tf.Tensor]:
        """The losses of discriminator and generator: log 2 a logit where it can only guess."""
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
        """The discriminator's logits, large for codes that look drawn from the prior."""
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
        """Of the default optimizers: the reconstruction's, the discriminator's, the generator's."""
        # Normalised codes are near the prior from the start, but not each class near its part.
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

        By default all three are Adam, at rates that fall to zero over the steps of `fit`
        (`tfae.training.CosineOverFit`): at constant rates the game never comes to rest. Where an
        `optimizer` is given, those of the game that are not have constant rates, too.

        Args:
            optimizer: Of encoder and decoder, for the reconstruction; by default Adam(2e-3).
            discriminator_optimizer: Of the discriminator; by default
                Adam(3e-3, beta_1=0.5, epsilon=1e-6).
            generator_optimizer: Of the encoder, against the discriminator; by default
                Adam(3e-4, beta_1=0.5, epsilon=1e-6), enough for normalised codes, and 2e-3 with a
                prior that has parts for classes. The semi-supervised model, whose codes are not
                normalised, has 1e-3 here and for `optimizer`. The larger its steps are beside those
                of `optimizer`, the closer the codes come to the prior, and the less they tell of
                the data.
            auto_scale_loss: Whether all three scale their losses under `mixed_float16`.
            **kwargs: As in `Trainer.compile`: `metrics`, `jit_compile`, `steps_per_execution`, ...

        Raises:
            ValueError: If one optimizer is given twice; each holds the state of one player.
        """
        rates = self._learning_rates
        if optimizer is None:
            rates = [CosineOverFit(rate) for rate in rates]
            optimizer = keras.optimizers.Adam(rates[0])
        given = {
            "discriminator_optimizer": _of_game(discriminator_optimizer, rates[1]),
            "generator_optimizer": _of_game(generator_optimizer, rates[2]),
        }
        optimizer = keras.optimizers.get(optimizer)
        if len({id(optimizer), *map(id, given.values())}) < 3:
            raise ValueError(
                "`optimizer`, `discriminator_optimizer` and `generator_optimizer` must be three "
                "objects: each keeps the state of its own player."
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
    """The encoder, with codes of the prior's mean and variance whatever it makes of the data.

    Else reconstruction drives the codes apart, and a generator that is strong enough to hold them
    together by force mixes them up.
    """
    draws = prior.sample(100_000, tf.constant([0, 0], tf.int64)).numpy().astype(np.float64)
    mean, deviation = draws.mean(axis=0), draws.std(axis=0)
    # What is zero or one but for the noise of the draws, and nothing else: a prior may be narrow.
    mean = np.where(np.abs(mean) < 0.02 * deviation, 0.0, mean)
    deviation = np.where(np.abs(deviation - 1.0) < 0.02, 1.0, deviation)
    code = keras.layers.BatchNormalization(
        center=False, scale=False, synchronized=True, dtype="float32", name="normalized"
    )(encoder.output)
    if np.any(mean != 0) or np.any(deviation != 1):
        rescaling = keras.layers.Rescaling(deviation.tolist(), mean.tolist(), dtype="float32")
        code = rescaling(code)
    return keras.Model(encoder.input, code, name="encoder")


def _of_game(identifier: Any, learning_rate: Any) -> keras.optimizers.Optimizer:
    """The optimizer of a player of the game; by default one of little momentum.

    Its aim keeps moving, and momentum carries it past. Gradients all but vanish where the game is
    even: the usual epsilon of 1e-7 would make steps of their rounding errors.
    """
    if identifier is None:
        return keras.optimizers.Adam(learning_rate, beta_1=0.5, epsilon=1e-6)
    return keras.optimizers.get(identifier)
