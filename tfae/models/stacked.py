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
from tfae.networks.compatibility import declared_input_shape, output_shape
from tfae.networks.output_layer import activation_of, output_layer
from tfae.training.greedy import pretrain_layers

__all__ = ["StackedAutoencoder"]


@keras.saving.register_keras_serializable("tfae")
class StackedAutoencoder(EncoderDecoder):
    """Learns one layer after another: each is an autoencoder of the codes of the layer below.

    `pretrain` trains the layers greedily, each with its own decoder on the frozen codes of the
    layers below. `fit` then trains the whole autoencoder, and `classifier` puts a classifier on
    top.

    The whole encoder is the chain of the encoders. The whole decoder is the chain of the decoders
    in reverse, with the activation of the codes between two of them, so each decoder is used as it
    was trained.

    Example:
        ```python
        model = tfae.StackedAutoencoder.from_shape((784,), 500, hidden_units=(1000, 1000))
        model.pretrain(images, epochs=10, corruption=tfae.layers.MaskingCorruption(0.25))
        classifier = model.classifier(num_classes=10)
        classifier.fit(images, labels, epochs=10)
        ```

    Args:
        encoders: Keras models or layers, one for each layer of the stack; the first one takes the
            data.
        decoders: Their decoders in the same order: `decoders[i]` maps the codes of `encoders[i]`
            back to its input. Each ends in a linear layer.
        likelihood: Likelihood of the data: name of one, such as `"bernoulli"`, `"gaussian"` or
            `"poisson"`, or a `tfae.losses.Likelihood`. Codes between layers are reconstructed with
            the Bernoulli likelihood if they are sigmoid units, otherwise with squared error.
        seed: Integer that determines all noise and the order of the data; `None` draws one.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        pretrained_layers: Number of layers that are pre-trained; saved with the weights. Set it to
            0 to make `pretrain` start again.

    Raises:
        ValueError: If the numbers of encoders and decoders differ, or shapes do not fit together.

    References:
        Bengio et al., "Greedy Layer-Wise Training of Deep Networks", 2007. Vincent et al.,
        "Stacked Denoising Autoencoders", 2010.
    """

    network_names = ("encoders", "decoders")
    # The whole encoder and decoder are made of those of the layers.
    fixed_attributes = ("encoder", "decoder", "encoders", "decoders")

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
                "`encoders` and `decoders` must have the same length, one pair for each layer; "
                f"received {len(encoders)} and {len(decoders)}."
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
        """Trains the layers greedily, each as an autoencoder of the codes of the layers below.

        A layer is trained together with its decoder. Then its encoder is frozen, its decoder is set
        aside, and the next layer is trained on the codes of all data. The first `pretrained_layers`
        layers are not trained again, so a model that was saved in between continues with its next
        layer. The model need not be compiled.

        Where an argument may be a list, the list has one value for each layer.

        Args:
            x: Array `(n, ...)`, or a batched `tf.data.Dataset`. Codes of a dataset are computed
                while it is read, so it need not fit into memory. Its targets, labels and weights
                are ignored.
            epochs: Epochs per layer, or a list.
            batch_size: Examples per step, for arrays; 32 by default.
            optimizer: Name of an optimizer, or a Keras optimizer, of which each layer gets a copy;
                or a list. By default the one of `compile`, else Adam.
            corruption: Noise on the input of a layer while it is trained, as for
                `DenoisingAutoencoder`; or a list, with `None` for no noise.
            sparsity: `"l1"`, `"kl"`, a `tfae.losses.L1` or a `tfae.losses.KL`: the penalty on the
                codes of a layer while it is trained, as for `SparseAutoencoder`; or a list.
            validation_split: Fraction of the array, from its end, to validate on, in (0, 1).
            validation_data: Array or dataset to validate on.
            patience: Stop training a layer after this many epochs without a lower validation loss,
                and restore its best weights; or a list. By default all epochs are trained.
            callbacks: Keras callbacks for every layer; or a function that takes the index of a
                layer, from 0, and returns its callbacks.
            verbose: As in `fit`; 0 is silent.
            backup_dir: Folder to which the state is saved after every epoch. If the process is
                killed, running the same program again resumes from there and gives the same result
                (apart from the state of your callbacks). Remove the folder to start again.

        Returns:
            The histories of the layers that were trained, in order.

        Raises:
            ValueError: If an argument or the data is not valid; raised before any training.
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
        """Returns the autoencoder as which layer `i`, from 0, is trained."""
        encoder, decoder = self.encoders[i], self.decoders[i]
        likelihood = self.likelihood
        if i:
            likelihood = likelihood_of_codes(activation_of(output_layer(self.encoders[i - 1])))
        of_data = {} if i else {"scaling": self.scaling, "missing": self.missing}
        options = {
            **of_data,
            "likelihood": likelihood,
            "corruption": _copy_of(corruption),
            "seed": self.seed + i,
            "dtype": self.dtype_policy,
        }
        if sparsity is None:
            return Autoencoder(encoder, decoder, **options)
        if sparsity == "top_k" or isinstance(sparsity, TopK):
            raise ValueError(
                "The whole stack must apply top-k too: end the encoder of the layer in a "
                f"tfae.layers.TopK instead of pretrain(sparsity={sparsity!r})."
            )
        return SparseAutoencoder(*self._networks_with_graphs(i), sparsity, **options)

    def _networks_with_graphs(self, i: int) -> tuple[keras.Model, keras.Model]:
        """Returns the networks of layer `i` as Keras models, whose graphs the penalty needs."""
        shape = (None, *self.data_contract().input_shape)
        for encoder in self.encoders[:i]:
            shape = output_shape(encoder, shape)
        networks = []
        for network in (self.encoders[i], self.decoders[i]):
            if not isinstance(network, keras.Model):
                x = keras.Input(shape[1:])
                network = keras.Model(x, network(x))
            networks.append(network)
            shape = output_shape(network, shape)
        return networks[0], networks[1]

    def classifier(
        self,
        num_classes: int,
        head: str = "softmax",
        dropout: float | Sequence[float] = 0.0,
        weight_decay: float = 1e-4,
        seed: int | None = None,
    ) -> Classifier:
        """Returns a classifier on the encoder, which it shares: training it trains the encoder.

        Args:
            num_classes: Number of classes, 2 or more; labels are 0 to `num_classes - 1`.
            head: `"softmax"` (logistic regression) or `"svm"` (linear one-vs-rest, squared hinge).
            dropout: Dropout rate on the inputs of every layer and of the head, in [0, 1); or a list
                with one rate for each layer and one for the head.
            weight_decay: Weight decay of the head; see `Classifier`.
            seed: Integer; by default the stack's own.

        Returns:
            A compiled model for `fit(x, y)`; see `Classifier`.
        """
        n = len(self.encoders)
        rates = list(dropout) if isinstance(dropout, list | tuple) else [dropout] * (n + 1)
        if len(rates) != n + 1:
            raise ValueError(
                f"`dropout` must be one rate or a list of {n + 1}, one for each layer and one for "
                f"the head; received {dropout!r}."
            )
        shape = (None, *self.data_contract().input_shape)
        seed = self.seed if seed is None else seed
        layers = [] if self.scaling is None else [self.scaling]
        for i, (rate, encoder) in enumerate(zip(rates, self.encoders, strict=False)):
            if rate:
                layers.append(Dropout(rate, seed=seed + 1 + i, name=f"dropout_{i + 1}"))
            layers.append(encoder)
        with self.distribute_strategy.scope():
            classifier = Classifier(
                chain(layers, "encoder", shape, fill=self.missing is not None),
                num_classes,
                head=head,
                dropout=rates[-1],
                weight_decay=weight_decay,
                missing=self.missing,
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
    """Returns a new corruption layer, whose noise does not depend on what the old one drew."""
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
    """Raises and names the layer if networks of known shapes do not fit together."""
    expected = None
    for i, (encoder, decoder) in enumerate(zip(encoders, decoders, strict=True)):
        if not (_declares_shapes(encoder) and _declares_shapes(decoder)):
            return
        taken, code = declared_input_shape(encoder, missing=True), encoder.output_shape
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
                "a decoder must give outputs of the shape that its encoder takes."
            )
        expected = code


def _declares_shapes(network: keras.layers.Layer) -> bool:
    return network.built and hasattr(network, "input_shape") and hasattr(network, "output_shape")
