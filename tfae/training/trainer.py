"""The base of every tfae model: Keras' trainer with named loss terms and exact resume."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract
from tfae.batches.feeding import (
    SeededOrder,
    checked_batches,
    is_in_batches,
    num_batches,
    peek,
    split_off_last,
    with_callbacks,
)
from tfae.batches.order import host_variable
from tfae.training.compilation import faster_with_xla
from tfae.training.learning_rate import Fall
from tfae.training.players import Player
from tfae.training.programs import Programs
from tfae.training.random_state import SavedSeeds


class Trainer(Programs, SavedSeeds):
    """A `keras.Model` whose loss is a sum of named terms.

    A subclass gives `loss_terms` (and, where a term has a weight, `term_weights`), lists the names
    in `loss_names`, and answers `data_contract`. What `loss_terms` gives under a name of
    `monitor_names` is logged in the same way, and is no part of the loss. Everything else is Keras:
    `fit` takes arrays, `tf.data` and `PyDataset`s, callbacks and metrics.

    Args:
        seed: Integer from which the order of the data follows; `None` takes one from Keras' global
            seed (`keras.utils.set_random_seed`). It is saved with the model.
        **kwargs: Passed to `keras.Model`.
    """

    loss_names: tuple[str, ...] = ()
    monitor_names: tuple[str, ...] = ()

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(seed=seed, **kwargs)
        names = (*self.loss_names, *self.monitor_names)
        self._loss_term_trackers = {name: keras.metrics.Mean(name=name) for name in names}

    # ------------------------------------------------------------------ what a variant gives

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        """Computes every term of the objective for each example.

        Args:
            batch: Inputs, targets and, where given, labels.
            training: Whether this is a train step.

        Returns:
            Tensors of shape `(batch,)` by the names in `loss_names`, before their weights, and in
            `monitor_names`.
        """
        raise NotImplementedError

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        """Weights of the terms in the loss; a term that is not named has weight 1."""
        return {}

    def players(self) -> Sequence[Player]:
        """Who minimises which terms; one player for all of them, if a variant does not say."""
        return (Player(self.optimizer, (self,), self.loss_names),)

    def data_contract(self) -> DataContract:
        """What `fit` and `evaluate` accept."""
        raise NotImplementedError

    # ------------------------------------------------------------------ loss and steps

    def compute_loss(
        self,
        x: Any = None,
        y: tf.Tensor | None = None,
        y_pred: tf.Tensor | None = None,
        sample_weight: tf.Tensor | None = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Sums the weighted terms, averages them over the batch, and adds the regularisers.

        With sample weights the mean is `sum(weight * loss) / batch`, as in Keras. Under a
        distribution strategy it is divided by the size of the global batch, so that replicas with
        unequal shares of a last batch still add up to the gradient of one device.

        Returns:
            Scalar loss to differentiate on this replica; of several players the sum.
        """
        del y_pred  # The terms are computed from the networks' raw outputs.
        return tf.add_n(self.player_losses(unpack((x, y, sample_weight)), training))

    def player_losses(self, batch: Batch, training: bool) -> list[tf.Tensor]:
        """The part of `compute_loss` that is each player's, in the order of `players`."""
        context = tf.distribute.get_replica_context()
        count = tf.cast(tf.shape(batch.x)[0], tf.float32)
        replicas, global_count = context.num_replicas_in_sync, count
        if replicas > 1:
            global_count = context.all_reduce(tf.distribute.ReduceOp.SUM, count)

        terms = self._weighted_terms(batch, training, count)
        losses, logged = [], tf.zeros(())
        counted: set[int] = set()
        for player in self.players():
            total = tf.add_n([tf.zeros(()), *(terms[name] for name in player.terms)])
            own = [layer for layer in player.layers if id(layer) not in counted]
            counted.update(map(id, own))
            penalties = [tf.cast(r, tf.float32) for layer in own for r in layer.losses]
            regularisation = tf.add_n([tf.zeros(()), *penalties])
            losses.append(total / global_count + regularisation / replicas)
            logged += tf.math.divide_no_nan(total, count) + regularisation
        self._loss_tracker.update_state(logged, sample_weight=count)
        return losses

    def _weighted_terms(
        self, batch: Batch, training: bool, count: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Sums of the terms over the batch with their weights; logs their means without these."""
        weights = self.term_weights()
        terms = self.loss_terms(batch, training)
        if set(terms) != set(self._loss_term_trackers):
            raise ValueError(
                f"`loss_terms` of {type(self).__name__} must give what `loss_names` and "
                f"`monitor_names` list, {sorted(self._loss_term_trackers)}; it gives "
                f"{sorted(terms)}."
            )
        weighted = {}
        for name, per_example in terms.items():
            per_example = tf.cast(per_example, tf.float32)
            if batch.sample_weight is not None and name in self.loss_names:
                per_example *= tf.cast(tf.reshape(batch.sample_weight, [-1]), tf.float32)
            term = tf.reduce_sum(per_example)
            self._loss_term_trackers[name].update_state(
                tf.math.divide_no_nan(term, count), sample_weight=count
            )
            weighted[name] = tf.cast(weights.get(name, 1.0), tf.float32) * term
        return weighted

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        players = self.players()
        with tf.GradientTape(persistent=len(players) > 1) as tape:
            if len(players) == 1:  # where a subclass of the user's may have its own `compute_loss`
                losses = [self.compute_loss(x, y, None, sample_weight, training=True)]
            else:
                losses = self.player_losses(unpack(data), training=True)
            losses = [p.optimizer.scale_loss(loss) for p, loss in zip(players, losses, strict=True)]
        # All gradients are taken before any of them is applied.
        gradients = [
            tape.gradient(loss, p.variables) for p, loss in zip(players, losses, strict=True)
        ]
        for player, gradient in zip(players, gradients, strict=True):
            player.optimizer.apply_gradients(zip(gradient, player.variables, strict=True))
        return self._logs(x, y, sample_weight)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self.compute_loss(x, y, None, sample_weight, training=False)
        return self._logs(x, y, sample_weight)

    def predict_step(self, data: Any) -> tf.Tensor:
        return self(self._inputs(unpack(data)), training=False)

    def _inputs(self, batch: Batch) -> Any:
        """What the model is called on."""
        return batch.x

    def _logs(self, x: Any, y: Any, sample_weight: Any) -> dict[str, tf.Tensor]:
        """Feeds the metrics given to `compile`, if any, with the model's reconstruction."""
        if self._compile_metrics is None:
            return self.get_metrics_result()
        batch = unpack((x, y, sample_weight))
        y_pred = self(self._inputs(batch), training=False)
        return self.compute_metrics(x, batch.target, y_pred, sample_weight=sample_weight)

    # ------------------------------------------------------------------ compile

    def compile(
        self,
        optimizer: Any = "adam",
        loss: None = None,
        loss_weights: None = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int | str = "auto",
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configures training; every argument has a default that works.

        Args:
            optimizer: As in Keras.
            loss, loss_weights: Not accepted: the model owns its objective.
            metrics, weighted_metrics: As in Keras; they see the target and the reconstruction.
            run_eagerly: As in Keras.
            steps_per_execution: Number of train steps that run as one program. `"auto"` takes
                several where no callback looks at single batches, else 1.
            jit_compile: Whether XLA compiles the steps. `"auto"` decides by what is faster for
                this network on this machine; it is saved as `"auto"`.
            auto_scale_loss: As in Keras: loss scaling under `mixed_float16`.

        Raises:
            ValueError: If `loss` or `loss_weights` is given.
        """
        if loss is not None or loss_weights is not None:
            raise ValueError(
                f"{type(self).__name__} owns its objective: choose the reconstruction loss with "
                "the constructor's `likelihood`, and other weights there too. "
                f"Received loss={loss!r}, loss_weights={loss_weights!r}; leave both out."
            )
        if steps_per_execution != "auto" and (
            not isinstance(steps_per_execution, int) or steps_per_execution < 1
        ):
            raise ValueError(
                "`steps_per_execution` must be a positive integer or 'auto'; received "
                f"{steps_per_execution!r}."
            )
        self._requested = {"jit_compile": jit_compile, "steps_per_execution": steps_per_execution}
        if jit_compile == "auto":
            jit_compile = not run_eagerly and faster_with_xla(self)
        super().compile(
            optimizer=optimizer,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if steps_per_execution == "auto" else steps_per_execution,
            jit_compile=jit_compile,
            auto_scale_loss=auto_scale_loss,
        )
        self._build_optimizers()

    def _scaled(self, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
        """Gives a further optimizer the loss scaling that Keras gives to `optimizer`."""
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if scaled or self.dtype_policy.name != "mixed_float16":
            return optimizer
        return keras.optimizers.LossScaleOptimizer(optimizer)

    def _build_optimizers(self) -> None:
        """Makes the slots exist before anything is saved, loaded or traced."""
        for player in self.players() if self.built else ():
            if player.optimizer is not None and not player.optimizer.built:
                player.optimizer.build(player.variables)

    def make_train_function(self, force: bool = False) -> None:
        self._build_optimizers()
        super().make_train_function(force)

    def get_compile_config(self) -> dict:
        config = super().get_compile_config()
        if config:
            # What was asked for, not what it meant on this machine.
            config.update(self._requested)
        return config

    def compile_from_config(self, config: dict) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))

    # ------------------------------------------------------------------ fit and evaluate

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: str | int = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: None = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int = 1,
    ) -> keras.callbacks.History:
        """Trains the model; all arguments as in `keras.Model.fit`.

        `y`, when given, is the data to reconstruct. Arrays are checked before training starts,
        datasets and generators batch by batch as they are read; a distributed dataset is not
        checked. The order of arrays is a function of the model's seed and the epoch.

        Raises:
            ValueError: If the data does not fit the model, or `class_weight` is given.
        """
        if class_weight is not None:
            raise ValueError(
                f"{type(self).__name__} reconstructs its input and has no classes to weigh; give "
                "each example its weight with `sample_weight` instead of `class_weight`."
            )
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = split_off_last(
                x, y, sample_weight, validation_split
            )
        seed = host_variable(self.seed)
        data = self._as_dataset(x, y, sample_weight, batch_size, shuffle, seed)
        if validation_data is not None:
            val_x, val_y, val_weight = keras.utils.unpack_x_y_sample_weight(validation_data)
            validation_data = self._as_dataset(
                val_x, val_y, val_weight, validation_batch_size or batch_size, shuffle=False
            )
        optimizers = [player.optimizer for player in self.players()] if self.compiled else []
        fall = Fall(optimizers, epochs, steps_per_epoch or num_batches(data))
        with self._steps_per_execution(callbacks, data):
            if not is_in_batches(x) and not steps_per_epoch and self._keeps_epochs_apart():
                # One iterator for all epochs: to make one takes as long as many small steps.
                steps_per_epoch = int(data.cardinality())
                data = data.repeat()
            self._steps_per_epoch = steps_per_epoch
            order = [SeededOrder(data, seed)] if isinstance(data, tf.data.Dataset) else []
            callbacks = with_callbacks(callbacks, [fall], order, self)
            try:
                return super().fit(
                    data,
                    epochs=epochs,
                    verbose=verbose,
                    callbacks=callbacks,
                    validation_data=validation_data,
                    shuffle=shuffle and isinstance(data, keras.utils.PyDataset),
                    initial_epoch=initial_epoch,
                    steps_per_epoch=steps_per_epoch,
                    validation_steps=validation_steps,
                    validation_freq=validation_freq,
                )
            finally:
                fall.end()

    def evaluate(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        sample_weight: Any = None,
        steps: int | None = None,
        callbacks: Any = None,
        return_dict: bool = False,
        **kwargs,
    ) -> Any:
        """Computes the loss and its terms; all arguments as in `keras.Model.evaluate`.

        Raises:
            ValueError: If the data does not fit the model.
        """
        if not kwargs.get("_use_cached_eval_dataset"):
            x = self._as_dataset(x, y, sample_weight, batch_size, shuffle=False)
        return super().evaluate(
            x,
            verbose=verbose,
            steps=steps,
            callbacks=callbacks,
            return_dict=return_dict,
            **kwargs,
        )

    def train_on_batch(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        class_weight: None = None,
        return_dict: bool = False,
    ) -> Any:
        if class_weight is not None:
            raise ValueError("`class_weight` is not used here; see `fit`.")
        batch = self._checked_arrays(x, y, sample_weight)
        return super().train_on_batch(*batch, return_dict=return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        batch = self._checked_arrays(x, y, sample_weight)
        return super().test_on_batch(*batch, return_dict=return_dict)

    def _as_dataset(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        shuffle: bool,
        seed: int | tf.Variable = 0,
    ) -> Any:
        """Turns whatever Keras accepts into checked batches."""
        if not self.built:  # only then is a batch of a generator looked at
            first, x = peek(x)
            self._build_for(first)
        return checked_batches(self.data_contract(), x, y, sample_weight, batch_size, shuffle, seed)

    def _checked_arrays(self, x: Any, y: Any, sample_weight: Any) -> tuple:
        self._build_for(x)
        return self.data_contract().checked_arrays(x, y, sample_weight)

    def _build_for(self, x: Any) -> None:
        """Builds a model whose encoder declares no input, from the shape of its first data."""
        if self.built:
            return
        if isinstance(x, tuple | dict):
            x = unpack(x).x
        if hasattr(x, "shape"):
            self(keras.KerasTensor((None, *x.shape[1:])))
