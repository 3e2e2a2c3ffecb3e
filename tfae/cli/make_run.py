"""Trains a model and makes the folder of its run, for `tfae train` and `tfae demo`."""

from __future__ import annotations

import datetime
import math
import platform
import signal
import sys
import time
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfae import data, hyperparameters, layers, ops
from tfae.cli.console import console, shown
from tfae.cli.data_options import held_out_split, load_split, open_data
from tfae.cli.drawing import draw_pictures
from tfae.cli.errors import one_line
from tfae.cli.measuring import measure
from tfae.cli.model_names import model_class
from tfae.cli.model_options import has_architectures, model_options
from tfae.cli.objects import make
from tfae.cli.partial_run import History, PartialRun, write_history, write_json
from tfae.cli.progress import ShowProgress
from tfae.training import set_learning_rate

_LARGEST_EXAMPLE = 2_000_000  # numbers; built-in networks have 340 to 1,000 weights per number


class MadeRun(NamedTuple):
    """What a command reports about a run that it has made.

    Attributes:
        model: The trained model.
        measured: Its measurements on held-out data, from `measure`; empty if that failed.
        split: The split that it was measured on.
        problems: What failed after training, a sentence each; also stored in config.json.
    """

    model: keras.Model
    measured: dict[str, float]
    split: str
    problems: list[str]


def make_run(
    config: dict[str, Any],
    out: Path,
    interrupted: Literal["refuse", "resume", "discard"] = "refuse",
) -> MadeRun:
    """Trains a model and makes the folder of its run.

    Args:
        config: "model", "hyperparameters", "data" and "training"; stored with the run.
        out: Folder of the run, which must not exist.
        interrupted: What to do if a run to the same folder was interrupted.

    Raises:
        ValueError: If the data, the model or an option cannot be used as asked.
        KeyboardInterrupt: On Ctrl-C and SIGTERM; the run can be resumed then.
    """
    run = PartialRun(out)
    source = open_data(config["data"])
    if config["data"]["validation_split"] is None:
        config["data"]["validation_split"] = 0.0 if "validation" in source.splits else 0.1
    description = source.describe("train", config["data"]["validation_split"])
    scaling = _scaling_of_model(config, source)
    with run.claimed({**config, **_circumstances()}, interrupted), _sigterm_as_ctrl_c():
        state = run.last_checkpoint()
        model, history = state or (_new_model(config, description, scaling), [])
        if len(history) > config["training"]["epochs"]:
            raise ValueError(
                f"The interrupted run has finished {len(history)} epochs, so --epochs must be at "
                f"least {len(history)}; received {config['training']['epochs']}."
            )
        _announce(config, source, model, history, interrupted)
        _fit(model, source, config, run, history)
        return _finish(model, source, config, run, history)


def _scaling_of_model(config: dict[str, Any], source: data.Source) -> layers.Scaling | None:
    """Returns the scaling that becomes a part of the model, which then works in the data's units.

    `None` if the data is scaled before the model sees it: for --scale auto, for data that is
    binarized, and for models that have no scaling.
    """
    of_data = config["data"]
    has_scaling = "scaling" in hyperparameters.of_constructor(model_class(config["model"]))
    if of_data["scale"] in (None, "auto"):
        return None
    if of_data["binarize"] or not has_scaling:
        reason = "data that is binarized" if has_scaling else "this model"
        console.print(
            f"Note: with {reason} --scale {of_data['scale']} is not kept in the model. Scale what "
            "you give to it and to its exports in the same way."
        )
        return None
    found = source.scaling(of_data["scale"], of_data["validation_split"])
    of_data["scaled_by"] = "model"
    if found.clip:
        of_data["clip"] = [found.unscale(np.float32(end)).tolist() for end in (0, 1)]
    return layers.Scaling(found.shift, found.factor)


def _new_model(
    config: dict[str, Any], description: data.Description, scaling: layers.Scaling | None = None
) -> keras.Model:
    training = config["training"]
    keras.utils.set_random_seed(training["seed"])  # for the initial weights
    cls = model_class(config["model"])
    options = {key: make(value) for key, value in config["hyperparameters"].items()}
    options["seed"] = training["seed"]
    if scaling is not None:
        options["scaling"] = scaling
    if description.num_classes and "num_classes" in model_options(cls):
        options.setdefault("num_classes", description.num_classes)
    if has_architectures(cls):
        _check_size(description.shape)
        model = cls.from_shape(
            description.shape, training["latent_dim"], training["architecture"], **options
        )
    else:
        model = cls(**options)
    support = model.data_contract().support if model.built else None
    of_data = config.get("data", {})
    is_standard = of_data.get("scale") == "standard" and not of_data.get("binarize")
    if support is not None and is_standard:
        raise ValueError(
            "--scale standard gives values below 0 and above 1, which --likelihood bernoulli does "
            "not take: add --likelihood gaussian or squared_error, or choose --scale minmax."
        )
    compile_model(model, training.get("learning_rate"))
    return model


def _check_size(shape: tuple[int, ...]) -> None:
    """Raises `ValueError` for examples so large that a network for them would not fit in memory."""
    size = math.prod(shape)
    if size > _LARGEST_EXAMPLE:
        hint = " Make images smaller with --image-size, such as --image-size 128x128."
        raise ValueError(
            f"An example of shape {shape} holds {size:,} numbers; a network for it would have "
            f"about {size * 1000 / 1e9:,.0f} billion weights.{hint if len(shape) == 3 else ''}"
        )


def compile_model(model: keras.Model, learning_rate: float | None) -> None:
    """Compiles a model with its defaults, except for the learning rate if one is given."""
    model.compile()
    if learning_rate is not None:
        set_learning_rate(model.optimizer, learning_rate)


def _announce(
    config: dict[str, Any],
    source: data.Source,
    model: keras.Model,
    history: History,
    interrupted: str,
) -> None:
    of_data = config["data"]
    description = source.describe("train", of_data["validation_split"])
    examples = f"{description.num_examples:,} training"
    if of_data["validation_split"]:
        held_out = source.describe("validation", of_data["validation_split"]).num_examples
        examples += f" and {held_out:,} validation"
    weights = f", {model.count_params():,} weights" if model.built else ""
    console.print(
        f"{type(model).__name__}{weights}, on {shown(source.name)}: {examples} examples of shape "
        f"{description.shape}"
    )
    if history:
        console.print(f"Resuming after epoch {len(history)}.")
    elif interrupted == "resume":
        console.print("Nothing to resume: starting with the first epoch.")


def _fit(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    run: PartialRun,
    history: History,
) -> None:
    training, of_data = config["training"], config["data"]
    common = {"batch_size": training["batch_size"], "labels": of_data["labels"]}
    seed = training["seed"]
    validation = None
    if of_data["validation_split"] or "validation" in source.splits:
        validation = load_split(source, of_data, "validation", **common, seed=seed)
    if training.get("pretrain_epochs") and not history:
        _pretrain(model, load_split(source, of_data, "train", **common, seed=seed), training, run)
    log = run.log(history)
    progress = ShowProgress(console, training["epochs"], len(history))
    try:
        model.fit(
            load_split(source, of_data, "train", **common, seed=seed),
            epochs=training["epochs"],
            initial_epoch=len(history),
            validation_data=validation,
            verbose=0,
            callbacks=[_Keep(run, history, log), progress],
        )
    finally:
        progress.close()
        log.close()


def _pretrain(
    model: keras.Model, x: tf.data.Dataset, training: dict[str, Any], run: PartialRun
) -> None:
    """Pre-trains the layers of a stack; the progress is stored in the run's folder."""
    shown: list[ShowProgress] = []

    def progress(layer: int) -> list[keras.callbacks.Callback]:
        console.print(f"Pre-training layer {layer + 1} of {len(model.encoders)}")
        shown.append(ShowProgress(console, training["pretrain_epochs"], 0))
        return [shown[-1]]

    try:
        model.pretrain(
            x,
            training["pretrain_epochs"],
            callbacks=progress,
            verbose=0,
            backup_dir=run.pretraining,
        )
    finally:
        for bar in shown:
            bar.close()


class _Keep(keras.callbacks.Callback):
    """Saves everything that the next epoch needs, after each epoch."""

    def __init__(self, run: PartialRun, history: History, log: Any):
        super().__init__()
        self._run, self._history, self._log = run, history, log
        self._start = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self._start = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        losses = {name: float(value) for name, value in logs.items()}
        if not all(map(math.isfinite, losses.values())):
            raise ValueError(
                f"The loss became infinite or NaN in epoch {epoch + 1}: {losses}. Try a lower "
                "--learning-rate, or check the range of the data (--scale)."
            )
        seconds = round(time.monotonic() - self._start, 3)
        self._history.append({"epoch": epoch + 1, "seconds": seconds, **losses})
        self._run.save_checkpoint(self.model, self._history)
        self._log.write(self._history[-1])


def _finish(
    model: keras.Model,
    source: data.Source,
    config: dict[str, Any],
    run: PartialRun,
    history: History,
) -> MadeRun:
    """Completes the run's folder, even if measuring or drawing fails."""
    folder = run.begin_finishing()
    model.save(folder / "model.keras")  # before measuring, which draws noise
    write_history(folder / "history.csv", history)
    split, problems = held_out_split(source, config["data"]), []
    try:
        measured = measure(model, source, config, split)
    except Exception as error:
        measured = {}
        problems.append(f"Measuring on {split} data failed: {one_line(error)}")
    write_json(folder / "evaluation.json", {split: measured} if measured else {})
    seed = config["training"]["seed"]
    try:
        failed = draw_pictures(model, source, config, history, folder / "pictures", seed)
        problems += [f"Drawing {name}.png failed: {one_line(e)}" for name, e in failed.items()]
    except Exception as error:
        problems.append(f"Drawing failed: {one_line(error)}")
    noted = {"problems": problems} if problems else {}
    classes = source.describe("train").class_names
    write_json(
        folder / "config.json",
        {**config, "classes": classes and list(classes), **_circumstances(), **noted},
    )
    run.finish()
    for problem in problems:
        console.print(f"[bold]Incomplete.[/] {shown(problem)}")
    return MadeRun(model, measured, split, problems)


def _circumstances() -> dict[str, Any]:
    """Returns the versions, machine, command and time of a run."""
    import tfae

    return {
        "versions": {
            "tfae": tfae.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "machine": {
            "platform": platform.platform(),
            "devices": [device.name for device in tf.config.list_logical_devices()],
            "compiled_ops": ops.kernel_available(),
        },
        "command": sys.argv,
        "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


class _sigterm_as_ctrl_c:  # noqa: N801
    """During the block, SIGTERM interrupts the process as Ctrl-C does."""

    def __enter__(self) -> None:
        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        self._before = signal.signal(signal.SIGTERM, interrupt)

    def __exit__(self, *_: Any) -> None:
        signal.signal(signal.SIGTERM, self._before)
