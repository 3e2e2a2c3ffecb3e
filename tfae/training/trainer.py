"""The base of every tfae model: Keras' trainer with named loss terms and exact resume."""

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfae.arguments import whole_number
from tfae.attributes import checked
from tfae.batches.batch import Batch, unpack
from tfae.batches.contract import DataContract
from tfae.batches.feeding import (
    clear_data_errors,
    example_shape,
    one_row_of_zeros,
    prediction_batch,
    prediction_batches,
    single_batch,
    training_batches,
)
from tfae.batches.order import host_variable
from tfae.batches.sources import is_in_batches
from tfae.internals import forget_layer, is_saving_hdf5
from tfae.layers.seeds import random_seed
from tfae.training import objective, random_state, steps
from tfae.training.callbacks import refuse_hdf5
from tfae.training.divergence import warn_of_nonfinite_weights
from tfae.training.fitting import check_arguments, fit_on_batches
from tfae.training.players import Player, complete
from tfae.training.programs import Programs
from tfae.training.saving import save_atomically


class Trainer(keras.Model):
    """A `keras.Model` whose loss is a sum of named terms.

    A subclass defines `loss_terms` (and `term_weights` if a term has a weight), lists the terms'
    names in `loss_names`, and defines `data_contract`. Terms whose names are in `monitor_names` are
    logged in the same way, but are not part of the loss. Everything else is as in Keras: `fit`
    takes arrays, `tf.data` and `PyDataset`s, callbacks and metrics.

    Args:
        seed: Integer that determines the order of the data; `None` takes one from Keras' global
            seed (`keras.utils.set_random_seed`). It is saved with the model.
        **kwargs: Passed to `keras.Model`.
    """

    loss_names: tuple[str, ...] = ()
    monitor_names: tuple[str, ...] = ()
    # Of metrics that are no losses: whether callbacks that monitor them wait for "min" or "max".
    metric_modes: ClassVar[dict[str, str]] = {}
    # Whether `jit_compile="auto"` may choose XLA for the whole step.
    gains_from_xla = True
    needs_optimizer = True
    # What can be set later, and how it is checked; see `tfae.attributes`.
    fixed_attributes: ClassVar[tuple[str, ...]] = ("seed",)
    attribute_checks: ClassVar[dict[str, Any]] = {}

    def __init__(self, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.seed = random_seed() if seed is None else int(seed)
        self._programs = Programs(self)
        names = (*self.loss_names, *self.monitor_names)
        self._loss_term_trackers = {name: keras.metrics.Mean(name=name) for name in names}

    # ------------------------------------------------------------------ what a variant defines

    def loss_terms(self, batch: Batch, training: bool) -> dict[str, tf.Tensor]:
        """Computes every term of the objective for each example.

        Args:
            batch: Inputs, targets and, if given, labels.
            training: Whether this is a train step.

        Returns:
            Tensors `(batch,)` by name, for all names in `loss_names`, without their weights, and in
            `monitor_names`.
        """
        raise NotImplementedError

    def term_weights(self) -> dict[str, tf.Tensor | float]:
        """Returns the weights of the terms in the loss; terms that are not named have weight 1."""
        return {}

    def players(self) -> Sequence[Player]:
        """Returns the players; by default there is one, which minimises all terms."""
        return (Player(self.optimizer, (self,), self.loss_names),)

    def data_contract(self) -> DataContract:
        """Describes the data that `fit` and `evaluate` accept."""
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
        """Computes the loss on this replica, a scalar; with several players, their sum.

        It includes the regularisers. With sample weights it is `sum(weight * loss) / batch`, as in
        Keras.
        """
        del y_pred  # The terms are computed from the networks' raw outputs.
        batch = unpack((x, y, sample_weight))
        return tf.add_n(objective.player_losses(self, self._all_players(), batch, training))

    def _all_players(self) -> list[Player]:
        """Returns the players, which together have all weights of the model."""
        return complete(self.players(), self)

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        overridden = type(self).compute_loss is not Trainer.compute_loss
        return steps.train(self, self._all_players(), data, overridden)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        return steps.test(self, data)

    def predict_step(self, data: Any) -> tf.Tensor:
        return self(self._inputs(unpack(data)), training=False)

    def _inputs(self, batch: Batch) -> Any:
        """Returns the argument of `call` for a batch."""
        return batch.x

    def _logs(self, x: Any, y: Any, sample_weight: Any) -> dict[str, tf.Tensor]:
        """Updates the metrics given to `compile`, if any, with the model's reconstruction."""
        return steps.logs(self, x, y, sample_weight)

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
            loss, loss_weights: Not accepted, since the model defines its own loss.
            metrics, weighted_metrics: As in Keras; they compare target and reconstruction.
            run_eagerly: As in Keras.
            steps_per_execution: Number of train steps that run as one program. `"auto"` chooses
                several if no callback uses single batches, otherwise 1.
            jit_compile: Whether to compile the steps with XLA. `"auto"` chooses what is faster for
                this network on this machine; it is saved as `"auto"`.
            auto_scale_loss: As in Keras: loss scaling under `mixed_float16`.

        Raises:
            ValueError: If `loss` or `loss_weights` is given.
        """
        if loss is not None or loss_weights is not None:
            advice = ""
            if hasattr(self, "likelihood"):
                advice = (
                    " Choose the reconstruction loss with the constructor's `likelihood`, and the "
                    "weights of terms there too."
                )
            raise ValueError(
                f"{type(self).__name__} defines its own loss: leave `loss` and `loss_weights` out; "
                f"received loss={loss!r}, loss_weights={loss_weights!r}.{advice}"
            )
        if steps_per_execution != "auto":
            steps_per_execution = whole_number("steps_per_execution", steps_per_execution, 1)
        self._programs.requested = {
            "jit_compile": jit_compile,
            "steps_per_execution": steps_per_execution,
        }
        super().compile(
            optimizer=optimizer,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=1 if steps_per_execution == "auto" else steps_per_execution,
            jit_compile=jit_compile is not False and jit_compile != "auto",
            auto_scale_loss=auto_scale_loss,
        )
        self._build_optimizers()

    def _scaled(self, optimizer: keras.optimizers.Optimizer) -> keras.optimizers.Optimizer:
        """Adds to another optimizer the loss scaling that Keras adds to `optimizer`."""
        scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
        if scaled or self.dtype_policy.name != "mixed_float16":
            return optimizer
        return keras.optimizers.LossScaleOptimizer(optimizer)

    def _build_optimizers(self) -> None:
        """Creates the optimizers' slots before anything is saved, loaded or traced."""
        for player in self._all_players() if self.built else ():
            if player.optimizer is not None and not player.optimizer.built:
                player.optimizer.build(player.variables)

    def __setattr__(self, name: str, value: Any) -> None:
        old = self.__dict__.get(name)
        super().__setattr__(name, checked(self, name, value))
        if isinstance(old, keras.layers.Layer) and old is not value:
            forget_layer(self, old)

    def structure_changed(self) -> None:
        """Called when a layer or an attribute on which traced functions depend has changed."""

    def make_train_function(self, force: bool = False) -> None:
        self._build_optimizers()
        make = super().make_train_function
        self.train_function = self._programs.function("train", make, force)

    def make_test_function(self, force: bool = False) -> None:
        make = super().make_test_function
        self.test_function = self._programs.function("test", make, force)

    def make_predict_function(self, force: bool = False) -> None:
        make = super().make_predict_function
        self.predict_function = self._programs.function("predict", make, force)

    def get_compile_config(self) -> dict:
        config = super().get_compile_config()
        if config:
            # As requested, not as resolved on this machine.
            config.update(self._programs.requested)
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

        `y`, if given, is the data to reconstruct. Arrays are checked before training starts,
        datasets and generators batch by batch while they are read; a distributed dataset is not
        checked. The order of arrays depends only on the model's seed and the epoch.

        Raises:
            ValueError: If the data does not fit the model, or `class_weight` is given.
        """
        check_arguments(
            self,
            class_weight,
            validation_freq,
            batch_size=batch_size,
            validation_batch_size=validation_batch_size,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
        )
        self._check_optimizers()
        seed = host_variable(self.seed)
        data, held_out = self._training_batches(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            validation_split=validation_split if validation_data is None else 0.0,
        )
        if validation_data is not None:
            held_out, _ = self._training_batches(
                *keras.utils.unpack_x_y_sample_weight(validation_data),
                batch_size=validation_batch_size or batch_size,
            )
        return fit_on_batches(
            self,
            super().fit,
            data,
            seed,
            callbacks,
            epochs,
            steps_per_epoch,
            one_iterator=not is_in_batches(x),
            verbose=verbose,
            validation_data=held_out,
            shuffle=shuffle and isinstance(data, keras.utils.PyDataset),
            initial_epoch=initial_epoch,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
        )

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
            x, _ = self._training_batches(x, y, sample_weight, batch_size=batch_size)
        with clear_data_errors():
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
            raise ValueError("`class_weight` is not supported; see `fit`.")
        self._check_optimizers()
        batch = self._single_batch(x, y, sample_weight)
        return super().train_on_batch(*batch, return_dict=return_dict)

    def test_on_batch(
        self, x: Any, y: Any = None, sample_weight: Any = None, return_dict: bool = False
    ) -> Any:
        batch = self._single_batch(x, y, sample_weight)
        return super().test_on_batch(*batch, return_dict=return_dict)

    def _check_optimizers(self) -> None:
        players = self.players() if self.compiled and self.needs_optimizer else ()
        if any(player.optimizer is None for player in players):
            raise ValueError(
                f"{type(self).__name__} was compiled with optimizer=None, which is only enough to "
                "evaluate; to train, compile it with an optimizer, such as 'adam'."
            )

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: str | int = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """Applies the model to data; all arguments as in `keras.Model.predict`.

        Raises:
            ValueError: If the data does not fit the model.
        """
        x = self._built_for(x)
        batches = prediction_batches(self.data_contract(), x, batch_size)
        if isinstance(batches, tf.data.Dataset) and int(batches.cardinality()) == 0:
            return self._predict_no_rows(batches.element_spec[0])
        with clear_data_errors():
            return super().predict(batches, verbose=verbose, steps=steps, callbacks=callbacks)

    def predict_on_batch(self, x: Any) -> Any:
        """Applies the model to the arrays of one batch.

        Raises:
            ValueError: If the data does not fit the model.
        """
        x = self._built_for(x)
        batch = prediction_batch(self.data_contract(), x)
        if len(tf.nest.flatten(batch)[0]):
            return super().predict_on_batch(batch)
        return self._predict_no_rows(tf.nest.map_structure(tf.TensorSpec.from_tensor, batch))

    def _predict_no_rows(self, spec: Any) -> Any:
        """Returns outputs with zero rows, in the shape of the outputs for one row."""
        outputs = super().predict_on_batch(one_row_of_zeros(spec))
        return tf.nest.map_structure(lambda output: np.asarray(output)[:0], outputs)

    def _training_batches(self, x: Any, y: Any, sample_weight: Any, **options: Any) -> tuple:
        x = self._built_for(x)
        return training_batches(self.data_contract(), x, y, sample_weight, **options)

    def _single_batch(self, x: Any, y: Any, sample_weight: Any) -> tuple:
        x = self._built_for(x)
        return single_batch(self.data_contract(), x, y, sample_weight)

    def _built_for(self, x: Any) -> Any:
        """Builds the model for the shape of its first data, unless it is built.

        Returns:
            The data; for a generator, another one that still yields the first batch.
        """
        if self.built:
            return x
        shape, x = example_shape(x)
        self(keras.KerasTensor((None, *shape)))
        return x

    # ------------------------------------------------------------------ files

    def save(self, filepath: Any, overwrite: bool = True, **kwargs) -> None:
        """Saves the model as in Keras; a `.keras` file is written completely or not at all.

        Raises:
            ValueError: If the path is an HDF5 file, which would hold neither the optimizers nor the
                random state of a tfae model.
        """
        save_atomically(self, super().save, filepath, overwrite, **kwargs)

    def get_config(self) -> dict:
        if is_saving_hdf5():  # by `keras.saving.save_model`, which does not call `save`
            refuse_hdf5(self)
        return super().get_config()

    def save_own_variables(self, store: Any) -> None:
        warn_of_nonfinite_weights(self)
        super().save_own_variables(store)
        random_state.save(self, store)

    def load_own_variables(self, store: Any) -> None:
        super().load_own_variables(random_state.load(self, store))
