"""The stacked autoencoder, pre-trained layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import keras

from tfae.bases.encoder_decoder import EncoderDecoder
from tfae.classifier import Classifier
from tfae.layers import TopK
from tfae.layers import corruption as corruptions
from tfae.layers.dropout import Dropout
from tfae.losses.codes import likelihood_of_codes
from tfae.losses.likelihoods import Likelihood
from tfae.models.autoencoder import Autoencoder
from tfae.models.sparse import SparseAutoencoder
from tfae.networks.chains import chain, pairs
from tfae.networks.outputs import activation_of, output_layer
from tfae.training.greedy import pretrain_layers

__all__ = ["StackedAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class StackedAutoencoder(EncoderDecoder):
    """Learns one layer after another: each is an autoencoder of the codes of the layer below.

    `pretrain` trains the layers greedily, each with its own decoder on the frozen codes of those
    below; `fit` then trains the whole autoencoder, and `classifier` puts a classifier on top.

    The whole encoder is the encoders one after another. The whole decoder is the decoders in
    reverse, and between two of them the activation that the codes there have gone through, as at
    the end of the encoder: so each decoder is used as it was trained.

    Example:
        ```python
        model = tfae.StackedAutoencoder.from_shape((784,), 500, hidden_units=(1000, 1000))
        model.pretrain(images, epochs=10, corruption=tfae.layers.MaskingCorruption(0.25))
        classifier = model.classifier(num_classes=10)
        classifier.fit(images, labels, epochs=10)
        ```

    Args:
        encoders: Keras models or layers, one for each layer of the stack, the one that takes the
            data first.
        decoders: Their decoders in the same order: `decoders[i]` goes from the codes of
            `encoders[i]` back to what that takes. Each ends in a linear layer.
        likelihood: Of the data: `"bernoulli"`, `"gaussian"`, `"squared_error"`, or a
            `tfae.losses.Likelihood`. Codes between layers are reconstructed with the Bernoulli
            likelihood if they are sigmoid units, else with squared error.
        seed: Integer from which all noise and the order of the data follow; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        pretrained_layers: How many layers are pre-trained; it is saved with the weights. Set it
            to 0 to let `pretrain` begin anew.

    Raises:
        ValueError: If there are not as many decoders as encoders, or shapes do not fit together.

    References:
        Bengio et al., "Greedy Layer-Wise Training of Deep Networks", 2007. Vincent et al.,
        "Stacked Denoising Autoencoders", 2010.
    """

    network_names = ("encoders", "decoders")

    def __init__(
        self,
        encoders: Sequence[keras.layers.Layer],
        decoders: Sequence[keras.layers.Layer],
        likelihood: str | Likelihood = "bernoulli",
        seed: int | None = None,
        **kwargs,
    ):
        encoders, decoders = _checked("encoders", encoders), _checked("decoders", decoders)
        if len(encoders) != len(decoders):
            raise ValueError(
                "`encoders` and `decoders` must be of the same number, one pair a layer; received "
                f"{len(encoders)} and {len(decoders)}."
            )
        _check_shapes(encoders, decoders)
        between = [
            keras.layers.Activation(
                activation_of(output_layer(encoder)), name=f"codes_{i}", dtype=decoder.dtype_policy
            )
            for i, (encoder, decoder) in enumerate(zip(encoders, decoders[1:], strict=False), 1)
        ]
        links = [*reversed(decoders)]
        for i, activation in enumerate(reversed(between)):
            links.insert(2 * i + 1, activation)
        super().__init__(
            chain(encoders, "encoder"),
            chain(links, "decoder"),
            likelihood=likelihood,
            seed=seed,
            **kwargs,
        )
        self.encoders = encoders
        self.decoders = decoders
        self.pretrained_layers = 0
        self._build_if_possible()

    @classmethod
    def _networks(
        cls, build: Callable, input_shape: Sequence[int], latent_dim: int
    ) -> tuple[list[keras.Model], list[keras.Model]]:
        return pairs(*build(input_shape, latent_dim))

    def pretrain(
        self,
        x: Any,
        epochs: int | Sequence[int] = 10,
        batch_size: int | None = None,
        *,
        optimizer: Any = None,
        corruption: Any = None,
        sparsity: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        patience: int | Sequence[int | None] | None = None,
        callbacks: Any = None,
        verbose: str | int = "auto",
        backup_dir: str | Path | None = None,
    ) -> list[keras.callbacks.History]:
        """Trains the layers greedily, each as an autoencoder of the codes of those below.

        A layer is trained with its decoder; then its encoder stays as it is, its decoder is left
        aside, and the next layer is trained on the codes of all data. Layers that are pre-trained
        already, as `pretrained_layers` says, are not trained again: a model that was saved in
        between goes on with its next layer. The model need not be compiled.

        Arguments that may be lists have one value for each layer then.

        Args:
            x: Array `(n, ...)`, or a batched `tf.data.Dataset` whose codes are computed as it is
                read, so that it need not fit into memory. Targets and labels in it are left out.
            epochs: Epochs a layer, or a list.
            batch_size: Examples a step, for arrays; 32 by default.
            optimizer: Name of an optimizer or a Keras optimizer, of which each layer gets a copy,
                or a list. By default as compiled, or else Adam.
            corruption: Noise on a layer's input in its training, as for `DenoisingAutoencoder`; or
                a list, with `None` for no noise.
            sparsity: `"l1"`, `"kl"` or a `tfae.losses.L1` or `KL`, the penalty on a layer's codes
                in its training, as for `SparseAutoencoder`; or a list.
            validation_split: Last part of the array to validate on, in (0, 1).
            validation_data: Array or dataset to validate on.
            patience: End a layer after this many epochs without a lower validation loss, and take
                its best weights; or a list. By default all epochs are trained.
            callbacks: Keras callbacks, used for every layer; or a function that takes the number
                of a layer, from 0, and gives its callbacks.
            verbose: As in `fit`; 0 is silent.
            backup_dir: Folder in which the state after every epoch is kept. A process that was
                killed goes on from there when the same program runs again, and ends as if nothing
                had happened (state of the caller's callbacks aside). Remove it to begin anew.

        Returns:
            The histories of the layers that were trained, in their order.

        Raises:
            ValueError: If an argument or the data does not fit, before anything is trained.
        """
        return pretrain_layers(
            self,
            self._layer_model,
            x,
            epochs,
            batch_size,
            optimizer,
            corruption,
            sparsity,
            validation_split,
            validation_data,
            patience,
            callbacks,
            verbose,
            backup_dir,
        )

    def _layer_model(self, i: int, corruption: Any, sparsity: Any) -> EncoderDecoder:
        """The autoencoder that layer `i`, from 0, is trained as."""
        encoder, decoder = self.encoders[i], self.decoders[i]
        likelihood = self.likelihood
        if i:
            likelihood = likelihood_of_codes(activation_of(output_layer(self.encoders[i - 1])))
        options = {
            "likelihood": likelihood,
            "corruption": _copy_of(corruption),
            "seed": self.seed + i,
            "dtype": self.dtype_policy,
        }
        if sparsity is None:
            return Autoencoder(encoder, decoder, **options)
        if sparsity == "top_k" or isinstance(sparsity, TopK):
            raise ValueError(
                "Units that top-k drops must be dropped in the stack, too: end the encoder of the "
                f"layer in a tfae.layers.TopK instead of pretrain(sparsity={sparsity!r})."
            )
        return SparseAutoencoder(*self._networks_with_graphs(i), sparsity, **options)

    def _networks_with_graphs(self, i: int) -> tuple[keras.Model, keras.Model]:
        """Encoder and decoder of layer `i`; bare layers become models, of known inner tensors."""
        shape = (None, *self.data_contract().input_shape)
        for encoder in self.encoders[:i]:
            shape = encoder.compute_output_shape(shape)
        networks = []
        for network in (self.encoders[i], self.decoders[i]):
            if not isinstance(network, keras.Model):
                x = keras.Input(shape[1:])
                network = keras.Model(x, network(x))
            networks.append(network)
            shape = network.compute_output_shape(shape)
        return networks[0], networks[1]

    def classifier(
        self,
        num_classes: int,
        head: str = "softmax",
        dropout: float | Sequence[float] = 0.0,
        weight_decay: float = 1e-4,
        seed: int | None = None,
    ) -> Classifier:
        """A classifier on the encoder, which it shares: training it trains the encoder.

        Args:
            num_classes: Number of classes, 2 or more; labels are 0 to `num_classes - 1`.
            head: `"softmax"` (logistic regression) or `"svm"` (linear one-vs-rest, squared hinge).
            dropout: Part of the inputs of every layer, the head included, that is dropped in
                training, in [0, 1); or a list with one rate for each layer and one for the head.
            weight_decay: Of the head's weights; see `Classifier`.
            seed: Integer; by default the stack's own.

        Returns:
            A compiled model for `fit(x, y)`; see `Classifier`.
        """
        n = len(self.encoders)
        rates = list(dropout) if isinstance(dropout, list | tuple) else [dropout] * (n + 1)
        if len(rates) != n + 1:
            raise ValueError(
                f"`dropout` must be one rate or a list of {n + 1}, for each layer and the head; "
                f"received {dropout!r}."
            )
        shape = (None, *self.data_contract().input_shape)
        seed = self.seed if seed is None else seed
        layers = []
        for i, (rate, encoder) in enumerate(zip(rates, self.encoders, strict=False)):
            if rate:
                layers.append(Dropout(rate, seed=seed + 1 + i, name=f"dropout_{i + 1}"))
            layers.append(encoder)
        with self.distribute_strategy.scope():
            classifier = Classifier(
                chain(layers, "encoder", shape),
                num_classes,
                head=head,
                dropout=rates[-1],
                weight_decay=weight_decay,
                seed=seed,
                dtype=self.dtype_policy,
            )
            classifier.compile()
        return classifier

    # ------------------------------------------------------------------ serialisation

    def save_own_variables(self, store: Any) -> None:
        super().save_own_variables(store)
        store[_PRETRAINED_KEY] = self.pretrained_layers

    def load_own_variables(self, store: Any) -> None:
        stored = {key: store[key] for key in store.keys()}  # noqa: SIM118 - an HDF5 group
        if _PRETRAINED_KEY in stored:
            self.pretrained_layers = int(stored.pop(_PRETRAINED_KEY)[()])
        super().load_own_variables(stored)

    def get_config(self) -> dict:
        config = super().get_config()
        del config["encoder"], config["decoder"]
        return {
            **config,
            "encoders": [keras.saving.serialize_keras_object(e) for e in self.encoders],
            "decoders": [keras.saving.serialize_keras_object(d) for d in self.decoders],
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Self:
        networks = {
            name: [
                keras.saving.deserialize_keras_object(network, custom_objects=custom_objects)
                if isinstance(network, dict)
                else network
                for network in config[name]
            ]
            for name in ("encoders", "decoders")
        }
        return super().from_config({**config, **networks}, custom_objects)


_PRETRAINED_KEY = "pretrained_layers"


def _copy_of(corruption: Any) -> keras.layers.Layer | None:
    """A new layer, so that what it draws depends on its seed, or the layer's, and nothing else."""
    corruption = corruptions.get(corruption)
    if corruption is None:
        return None
    return type(corruption).from_config(corruption.get_config())


def _checked(name: str, networks: Any) -> list[keras.layers.Layer]:
    networks = list(networks) if isinstance(networks, list | tuple) else networks
    if not isinstance(networks, list) or not networks or not all(
        isinstance(network, keras.layers.Layer) for network in networks
    ):  # fmt: skip
        raise ValueError(
            f"`{name}` must be a list of Keras models or layers, one for each layer of the stack; "
            f"received {networks!r}."
        )
    return networks


def _check_shapes(encoders: list[keras.layers.Layer], decoders: list[keras.layers.Layer]) -> None:
    """Names the layer whose networks do not fit together, where their shapes are known."""
    expected = None
    for i, (encoder, decoder) in enumerate(zip(encoders, decoders, strict=True)):
        if not (_declares_shapes(encoder) and _declares_shapes(decoder)):
            return
        taken, code = encoder.input_shape, encoder.output_shape
        if expected is not None and taken != expected:
            raise ValueError(
                f"`encoders[{i}]` takes {taken}, but `encoders[{i - 1}]` gives {expected}."
            )
        if decoder.input_shape != code:
            raise ValueError(
                f"`decoders[{i}]` takes codes of shape {decoder.input_shape}, but `encoders[{i}]` "
                f"gives {code}; make the two sizes equal."
            )
        if decoder.output_shape != taken:
            raise ValueError(
                f"`decoders[{i}]` gives {decoder.output_shape}, but `encoders[{i}]` takes {taken}: "
                "a decoder must give what its encoder takes."
            )
        expected = code


def _declares_shapes(network: keras.layers.Layer) -> bool:
    return network.built and hasattr(network, "input_shape") and hasattr(network, "output_shape")
