"""Data to codes and back: what every autoencoder does, in a graph and on arrays."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.bases.fitted_state import Fitted
from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract, checked_label
from tfae.layers.seeds import random_seed
from tfae.priors import Prior


class Autoencoding(Fitted):
    """A model that maps data to codes and codes to data.

    A subclass gives `code`, `decoded` and `score` for use inside graphs; the methods on arrays and
    the exports are made of them. Those of a conditional model take labels, int64 `(batch,)` with -1
    where the class is unknown, as a further argument after the first; others need not have it.

    Args:
        seed: Integer from which all noise and the order of the data follow; `None` takes one
            from Keras' global seed.
        **kwargs: Passed to `keras.Model`.

    Attributes:
        latent_dim: Size of the code; known once the model is built.
        prior: The distribution of codes that is part of the objective, or `None`.
        sampling_prior: What `generate` draws from: the distribution that `fit_prior` has fitted, or
            else `prior`.
        conditional: Whether encoder and decoder look at labels.
    """

    latent_dim: int
    prior: Prior | None = None
    conditional: bool = False

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        self._graphs: dict[str, Callable] = {}
        self._contract: DataContract | None = None

    def data_contract(self) -> DataContract:
        if self._contract is None:
            raise ValueError(
                f"{type(self).__name__} is not built yet: call it on data once, or use an encoder "
                "with a keras.Input."
            )
        return self._contract

    @property
    def num_classes(self) -> int | None:
        """How many classes labels choose from; `None` where they mean nothing."""
        return None if self.prior is None else self.prior.num_classes

    @property
    def code_shape(self) -> tuple[int, ...]:
        """Shape of the code of one example."""
        return (self.latent_dim,)

    @property
    def sampling_prior(self) -> Prior | None:
        return self.fitted_prior or self.prior

    # ------------------------------------------------------------------ in the graph

    def code(
        self, x: tf.Tensor, label: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """The deterministic code of `x`, `(batch, latent_dim)`."""
        raise NotImplementedError

    def decoded(
        self, code: tf.Tensor, label: tf.Tensor | None = None, training: bool = False
    ) -> tf.Tensor:
        """Data space `(batch, ...)`: the mean of p(x | code)."""
        raise NotImplementedError

    def score(self, x: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """The anomaly score of `x`, `(batch,)`."""
        raise NotImplementedError

    def score_formula(self) -> list[dict[str, Any]] | None:
        """`score` as data: terms of `tfae.device` that add up to it, or `None` if there are none.

        Devices compute the score from the outputs of `encoding` and `call`.
        """
        return None

    def encoding(self, x: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """All that is known of the code of `x`: "code", and what a variant adds to it."""
        return {"code": self.code(x, *self._if_conditional(label))}

    def sampled_codes(self, seeds: tf.Tensor, label: tf.Tensor | None = None) -> tf.Tensor:
        """Codes from the prior, each a function of its own seed.

        Args:
            seeds: int64 `(batch,)`. Seed s gives what `generate(1, seed=s)` decodes.
            label: int64 `(batch,)`, for a prior with parts for classes; others ignore it.

        Returns:
            Tensor `(batch, latent_dim)`.

        Raises:
            NotImplementedError: If the model has no prior.
        """
        prior = self._prior()

        def sample(row: tuple) -> tf.Tensor:
            seed, *label = row
            return prior.sample(1, tf.stack([seed, 0]), *(part[None] for part in label))[0]

        rows = (seeds,) if label is None else (seeds, label)
        spec = tf.TensorSpec(self.code_shape, prior.compute_dtype)
        return tf.map_fn(sample, rows, fn_output_signature=spec)

    def call(self, x: Any, training: bool = False) -> tf.Tensor:
        """The mean reconstruction of `x`, `(batch, ...)`, at its deterministic code.

        Args:
            x: Tensor `(batch, ...)`, or a dictionary of it and its labels: "x" and "label".
            training: Whether layers such as dropout are active.
        """
        batch = unpack(x)
        label = self._if_conditional(batch.label)
        code = self.code(batch.x, *label, training=training)
        return self.decoded(code, *label, training=training)

    def _inputs(self, batch: Batch) -> Any:
        if not self.conditional or batch.label is None:
            return batch.x
        return {"x": batch.x, "label": batch.label}

    def _if_conditional(self, label: tf.Tensor | None) -> tuple:
        return (label,) if self.conditional else ()

    # ------------------------------------------------------------------ arrays in, arrays out

    def encode(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Encodes data; a variational model gives the mean.

        Args:
            x: Array `(n, ...)` or batched `tf.data.Dataset`; for a conditional model
                `{"x": x, "label": label}` or a dataset of it.
            batch_size: Examples at a time, for arrays.

        Returns:
            Codes `(n, latent_dim)`.
        """
        return self._map("encode", self.code, self._checked(x), batch_size)

    def encodings(self, x: Any, batch_size: int = 256) -> dict[str, np.ndarray]:
        """Encodes data and gives all that is known of the codes.

        Args:
            x: Array `(n, ...)` or batched `tf.data.Dataset`.
            batch_size: Examples at a time, for arrays.

        Returns:
            "code", what `encode` gives, and what a variant adds, each `(n, ...)`: a variational
            model the "log_variance" of q(z | x), whose mean the code is.
        """
        return self._map("encodings", self.encoding, self._checked(x), batch_size)

    def draw_codes(self, x: Any, seed: int | None = None, batch_size: int = 256) -> np.ndarray:
        """Draws one code of each example from q(z | x): together, a sample of all codes.

        Args:
            x: Array `(n, ...)` or batched `tf.data.Dataset`.
            seed: Integer; `None` draws one.
            batch_size: Examples at a time, for arrays.

        Returns:
            Codes `(n, latent_dim)`; what `encode` gives, for a model whose codes have no spread.
        """
        encoded = self.encodings(x, batch_size)
        if "log_variance" not in encoded:
            return encoded["code"]
        rng = np.random.default_rng(random_seed() if seed is None else seed)
        noise = rng.standard_normal(encoded["code"].shape, np.float32)
        return encoded["code"] + np.exp(0.5 * encoded["log_variance"].astype(np.float32)) * noise

    def decode(self, z: Any, batch_size: int = 256, label: Any = None) -> np.ndarray:
        """Decodes codes into data space.

        Args:
            z: Codes `(n, latent_dim)`, as an array or a batched dataset.
            batch_size: Codes at a time, for arrays.
            label: For a conditional model and an array of codes: the class of the examples, an
                integer or `(n,)` of them; -1, as `None`, where unknown.

        Returns:
            Data `(n, ...)`: the mean of p(x | z), so probabilities for `"bernoulli"`.

        Raises:
            ValueError: If `label` is given and fits no class, or the model is not conditional.
        """
        if label is not None:
            if not self.conditional:
                raise ValueError(f"{type(self).__name__} is not conditional; leave `label` out.")
            z = {"x": z, "label": self._checked_label(label, len(z))}
        return self._map("decode", self.decoded, z, batch_size)

    def reconstruct(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """Encodes and decodes: `(n, ...)` in and out, without noise; as `predict`."""

        def reconstruct(x: tf.Tensor, *label: tf.Tensor) -> tf.Tensor:
            return self.decoded(self.code(x, *label), *label)

        return self._map("reconstruct", reconstruct, self._checked(x), batch_size)

    def anomaly_score(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """How badly the model explains each example; higher is more anomalous.

        Args:
            x: Array `(n, ...)` or batched dataset.
            batch_size: Examples at a time, for arrays.

        Returns:
            Scores `(n,)`: the reconstruction loss at the deterministic code, plus the KL for a
            variational model.
        """
        x = self._checked(x, as_target=True)
        return self._map("anomaly_score", self.score, x, batch_size)

    def generate(self, n: int, seed: int | None = None, label: Any = None) -> np.ndarray:
        """Draws `n` new examples: decodes codes from the prior.

        Args:
            n: Number of examples, zero or more.
            seed: Integer; the same seed gives the same examples, and the first m of n are those
                of `generate(m, seed)`. `None` draws another one each time.
            label: Class of the examples, an integer or `(n,)` of them, for models with classes;
                `None` for any.

        Returns:
            Data `(n, ...)`: means of p(x | z).

        Raises:
            NotImplementedError: If the model has no prior.
            ValueError: If `n` is not a whole number, or `label` fits no class of the model.
        """
        prior = self._prior()
        n = whole_number("n", n, 0)
        seed = random_seed() if seed is None else seed
        if label is None:
            label = self._labels_to_generate(n, seed)
        else:
            label = self._checked_label(label, n)
        codes = prior.sample(n, tf.constant([seed, 0], tf.int64), label)
        return self.decode(codes, label=label) if self.conditional else self.decode(codes)

    def _labels_to_generate(self, n: int, seed: int) -> tf.Tensor | None:
        """Labels for `generate` without one; the first m of n are those of m."""
        return None

    def _checked_label(self, label: Any, n: int) -> tf.Tensor:
        if self.num_classes is None:
            raise ValueError(f"{type(self).__name__} has no classes; leave `label` out.")
        if self.fitted_prior is not None and not self.conditional:
            raise ValueError(
                "The fitted density of codes knows no classes; leave `label` out, or call "
                "`forget_prior` first."
            )
        label = np.asarray(label)
        if label.shape not in ((), (n,)):
            raise ValueError(
                f"`label` must be one integer or {n} of them, one for each example; received "
                f"shape {label.shape}."
            )
        label = checked_label(np.broadcast_to(label, (n,)), self.num_classes)
        return tf.constant(label, tf.int64)

    def _prior(self) -> Prior:
        if self.sampling_prior is None:
            raise NotImplementedError(
                f"{type(self).__name__} has no distribution over codes to draw from. Fit one to "
                "the codes of data with fit_prior(x), or decode codes of your own with decode(z)."
            )
        return self.sampling_prior

    def _checked(self, x: Any, as_target: bool = False) -> Any:
        """Checks data before it is mapped; as a target also its values."""
        if self.built:
            support = self._contract.support if as_target else None
            return self._contract.checked_inputs(x, values=as_target, support=support)
        return x

    def _map(
        self,
        name: str,
        function: Callable,
        x: Any,
        batch_size: int,
        extra: Callable[[int], tuple] = lambda batch_index: (),
    ) -> Any:
        """Runs a graph function over batches and joins the results in NumPy.

        Args:
            name: Under which the traced function is kept for the next call.
            function: Takes a batch, for a conditional model its labels, and what `extra` gives;
                returns tensors `(batch, ...)`.
            x: Array, dictionary of arrays, or batched dataset.
            batch_size: Examples at a time, for arrays.
            extra: Gives further arguments for the batch of an index.
        """
        results = []
        for i, batch in enumerate(_batches(x, batch_size, self.conditional)):
            arguments = extra(i)
            # One trace for all batch sizes.
            specs = [tf.TensorSpec([None, *t.shape[1:]], t.dtype) for t in batch]
            key = f"{name} {specs}"
            if key not in self._graphs:
                self._graphs[key] = tf.function(function).get_concrete_function(
                    *specs, *map(tf.TensorSpec.from_tensor, arguments)
                )
            results.append(self._graphs[key](*batch, *arguments))
        if not results:
            raise ValueError("The dataset holds no batches.")
        return tf.nest.map_structure(
            lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *results
        )

    def export(self, filepath: Any, *args, input_signature: Any = None, **kwargs) -> None:
        """Keras' export of `call`: the reconstruction, in any format that Keras has."""
        if input_signature is None:
            shape = (None, *self.data_contract().input_shape)
            x = keras.InputSpec(shape=shape, dtype="float32")
            label = keras.InputSpec(shape=(None,), dtype="int64")
            input_signature = [{"x": x, "label": label} if self.conditional else x]
        super().export(filepath, *args, input_signature=input_signature, **kwargs)


def _batches(x: Any, batch_size: int, with_label: bool) -> Iterator[tuple[tf.Tensor, ...]]:
    """Batches of `x`; with their labels, -1 where there are none, if these are wanted."""
    for batch in _unpacked(x, batch_size):
        inputs = tf.convert_to_tensor(batch.x)
        if not with_label:
            yield (inputs,)
        elif batch.label is None:
            yield inputs, tf.fill(tf.shape(inputs)[:1], tf.constant(-1, tf.int64))
        else:
            yield inputs, tf.cast(batch.label, tf.int64)


def _unpacked(x: Any, batch_size: int) -> Iterator[Batch]:
    if isinstance(x, tf.data.Dataset):
        yield from map(unpack, x)
        return
    if batch_size < 1:
        raise ValueError(f"`batch_size` must be at least 1; received {batch_size}.")
    arrays = {
        name: a if tf.is_tensor(a) else np.asarray(a)
        for name, a in (x if isinstance(x, dict) else {"x": x}).items()
    }
    # An empty array still gives one (empty) batch, so that the result has its shape.
    for start in range(0, max(len(arrays["x"]), 1), batch_size):
        yield unpack({name: a[start : start + batch_size] for name, a in arrays.items()})
