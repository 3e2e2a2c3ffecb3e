"""Trains every model on two logical CPUs and on one, and reports the difference as JSON."""

import functools
import inspect
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

import tfae  # noqa: E402
from tfae.layers import GaussianSampling  # noqa: E402
from tfae.layers.corruption import Corruption  # noqa: E402

# 107 rows in batches of 32 leave 11, six for one replica and five for the other; 97 leave one.
digits = (load_digits().images[:107] / 16.0).astype("float32")[..., None]
labels = load_digits().target[:107]


def silence(model):
    """Removes all noise, so that replicas must agree exactly."""
    if isinstance(model, tfae.AdversarialAutoencoder):
        draw = model.prior.sample
        model.prior.sample = lambda n, seed, label: tf.tile(draw(1, [1, 2], None), [n, 1])
    for layer in model._flatten_layers():
        if isinstance(layer, Corruption):
            layer.corrupt = lambda inputs, seed: inputs
        if isinstance(layer, GaussianSampling):
            layer.call = functools.partial(mean_and_kl, num_samples=layer.num_samples)


def mean_and_kl(mean, log_variance, training=False, num_samples=None):
    z = mean if num_samples is None else tf.stack([mean] * num_samples)
    return z, tfae.losses.gaussian_kl(mean, log_variance)


def train(model_class, strategy):
    with strategy.scope():
        keras.utils.set_random_seed(3)
        options = {"jit_compile": "auto" if strategy is mirrored else False}
        if model_class is tfae.SparseCoding:
            model = model_class(num_atoms=16, seed=3)
        else:
            of_class = (
                {"prior": "gaussian_ring"} if model_class is tfae.AdversarialAutoencoder else {}
            )
            model = model_class.from_shape((8, 8, 1), 3, hidden_units=(24,), seed=3, **of_class)
            # Adam would make whole steps of gradients that are nothing but rounding errors.
            for name in inspect.signature(model.compile).parameters:
                if name.endswith("optimizer"):
                    options[name] = keras.optimizers.SGD(1e-2)
        silence(model)
        model.compile(**options)
        # `fit` runs inside the scope: its input pipeline must not become part of the strategy.
        for rows in (107, 97):
            data = digits[:rows]
            if model.num_classes is not None:
                data = {"x": data, "label": labels[:rows]}
            history = model.fit(data, epochs=2, batch_size=32, verbose=0)
            assert np.isfinite(history.history["loss"]).all()
    return model, model.evaluate(data, verbose=0, return_dict=True)


mirrored = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
one = tf.distribute.OneDeviceStrategy("CPU:0")
report = {}
for name, model_class in tfae.models.MODELS.items():
    entry = {}
    two, entry["logs"] = train(model_class, mirrored)
    single, entry["logs_of_one"] = train(model_class, one)
    entry["largest_weight_difference"] = max(
        float(np.abs(np.asarray(a) - np.asarray(b)).max())
        for a, b in zip(two.trainable_variables, single.trainable_variables, strict=True)
    )
    entry["replicas"] = two.distribute_strategy.num_replicas_in_sync
    entry["jit_compile"] = bool(two.jit_compile)
    report[name] = entry

with mirrored.scope():
    stack = tfae.StackedAutoencoder.from_shape((8, 8, 1), 3, hidden_units=(24,), seed=3)
    stack.compile()
report["pretraining"] = [h.history["loss"] for h in stack.pretrain(digits, 3, 32, verbose=0)]

with mirrored.scope():
    adversarial = tfae.AdversarialAutoencoder.from_shape((8, 8, 1), 2, hidden_units=(24,), seed=3)
    adversarial.compile()  # with learning rates that fall over the fit
    rates = []
    watch = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda *_: rates.append(float(adversarial.optimizer.learning_rate))
    )
    adversarial.fit(digits, epochs=2, callbacks=[watch], verbose=0)
report["falling_rates"] = rates

with mirrored.scope():
    layer = tfae.layers.GaussianSampling(seed=1)


@tf.function
def draw():
    zeros = tf.zeros([4, 3])
    return mirrored.run(lambda: layer(zeros, zeros, training=True)[0])


a, b = mirrored.experimental_local_results(draw())
report["seeds_differ"] = bool(np.abs(a.numpy() - b.numpy()).min() > 0)

with open(sys.argv[1], "w") as file:
    json.dump(report, file)
