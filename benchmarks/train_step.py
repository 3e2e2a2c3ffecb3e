"""Milliseconds per train step: tfae's `fit` compared with what a user would otherwise write.

    python benchmarks/train_step.py [--rounds 7] [--model vae|deep|conv]

Every contender trains the same network on the same batches of MNIST (random images if MNIST is not
prepared). They take turns in one process, and each figure is the median of all rounds. PyTorch is
included if torch is installed (the `bench` extra).

* tfae: `compile()`, `fit(x, batch_size=128)`, with all defaults. Here and for Keras, the second of
  two epochs is timed. The next row switches XLA on where "auto" left it off, or the reverse.
* bare loop: the same step in a compiled loop over batches that are already in memory: the time that
  would remain if Keras' loop, callbacks and input pipeline cost nothing.
* Keras: a `keras.Model` with a hand-written `train_step`, with and without XLA, with the same
  `steps_per_execution` that tfae chose.
"""

import argparse
import itertools
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from _machine import describe
from _results import publish

import tfae

BATCH = 128


def load_images(count):
    try:
        import tensorflow_datasets as tfds

        data = tfds.load("mnist", split="train", batch_size=-1, download=False)
        images = tfds.as_numpy(data)["image"][:count]
        return (images / np.float32(255)).astype("float32"), "MNIST"
    except Exception as error:
        print(f"MNIST is not prepared ({type(error).__name__}); using random images instead.")
        return np.random.default_rng(0).random((count, 28, 28, 1), "float32"), "random images"


# ---------------------------------------------------------------------------- the networks


def dense_stack(sizes, activation, heads=1):
    x = keras.Input((sizes[0],))
    h = x
    for units in sizes[1:-1]:
        h = keras.layers.Dense(units, activation)(h)
    outputs = [keras.layers.Dense(sizes[-1])(h) for _ in range(heads)]
    return keras.Model(x, outputs if heads > 1 else outputs[0])


def networks(name):
    """Encoder, decoder, whether it is variational, and the shape of an image."""
    if name == "vae":
        return dense_stack([784, 400, 20], "relu", 2), dense_stack([20, 400, 784], "relu")
    if name == "deep":
        sizes = [784, 1000, 500, 250, 30]
        return dense_stack(sizes, "elu"), dense_stack(sizes[::-1], "elu")
    layers = keras.layers
    x = keras.Input((28, 28, 1))
    h = layers.Conv2D(32, 3, 2, "same", activation="relu")(x)
    h = layers.Conv2D(64, 3, 2, "same", activation="relu")(h)
    h = layers.Dense(16, "relu")(layers.Flatten()(h))
    encoder = keras.Model(x, [layers.Dense(2)(h), layers.Dense(2)(h)])
    code = keras.Input((2,))
    h = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, "relu")(code))
    h = layers.Conv2DTranspose(64, 3, 2, "same", activation="relu")(h)
    h = layers.Conv2DTranspose(32, 3, 2, "same", activation="relu")(h)
    return encoder, keras.Model(code, layers.Conv2DTranspose(1, 3, 1, "same")(h))


class HandWritten(keras.Model):
    """What the Keras documentation teaches: a custom train step."""

    def __init__(self, encoder, decoder, variational, likelihood):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.variational, self.likelihood = variational, likelihood
        self.seed_generator = keras.random.SeedGenerator(1)
        self.total = keras.metrics.Mean(name="loss")
        self.reconstruction = keras.metrics.Mean(name="reconstruction_loss")
        self.kl = keras.metrics.Mean(name="kl_loss")

    @property
    def metrics(self):
        return [self.total, self.reconstruction, self.kl]

    def train_step(self, x):
        if isinstance(x, tuple):
            x = x[0]
        axes = list(range(1, len(x.shape)))
        with tf.GradientTape() as tape:
            kl = tf.zeros(())
            if self.variational:
                mean, log_variance = self.encoder(x)
                noise = keras.random.normal(tf.shape(mean), seed=self.seed_generator)
                code = mean + tf.exp(0.5 * log_variance) * noise
                kl = -0.5 * (1 + log_variance - tf.square(mean) - tf.exp(log_variance))
                kl = tf.reduce_mean(tf.reduce_sum(kl, axis=1))
            else:
                code = self.encoder(x)
            output = self.decoder(code)
            if self.likelihood == "bernoulli":
                error = tf.nn.sigmoid_cross_entropy_with_logits(labels=x, logits=output)
            else:
                error = tf.math.squared_difference(x, output)
            reconstruction = tf.reduce_mean(tf.reduce_sum(error, axis=axes))
            loss = reconstruction + kl
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
        self.total.update_state(loss)
        self.reconstruction.update_state(reconstruction)
        self.kl.update_state(kl)
        return {m.name: m.result() for m in self.metrics}


# ---------------------------------------------------------------------------- contenders


def tfae_contender(name, likelihood):
    """The compiled tfae model, for `fit` and for the bare loop."""
    model_class = tfae.Autoencoder if name == "deep" else tfae.VariationalAutoencoder
    model = model_class(*networks(name), likelihood=likelihood, seed=1)
    model.compile()
    return model


def bare_loop(model, x):
    """The whole epoch as one program over batches in memory."""
    steps = len(x) // BATCH
    batches = tf.constant(x[: steps * BATCH].reshape(steps, BATCH, *x.shape[1:]))
    model.make_train_function()

    @tf.function(jit_compile=model.jit_compile)
    def epoch(batches):
        def body(i):
            model.train_step(batches[i])
            return i + 1

        tf.while_loop(lambda i: i < steps, body, [tf.constant(0)], parallel_iterations=1)
        return model.get_metrics_result()

    return lambda: epoch(batches)["loss"].numpy()


def torch_networks(name):
    from torch import nn

    def stack(sizes, activation):
        layers = []
        for a, b in itertools.pairwise(sizes):
            layers += [nn.Linear(a, b), activation()]
        return layers[:-1]

    if name == "vae":
        encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
        return encoder, 400, 20, nn.Sequential(*stack([20, 400, 784], nn.ReLU))
    if name == "deep":
        sizes = [784, 1000, 500, 250, 30]
        encoder = nn.Sequential(*stack(sizes, nn.ELU))
        return encoder, None, 30, nn.Sequential(*stack(sizes[::-1], nn.ELU))
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU(),
        nn.Flatten(), nn.Linear(7 * 7 * 64, 16), nn.ReLU(),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(2, 7 * 7 * 64), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 64, 3, 2, 1, 1), nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 3, 2, 1, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 3, 1, 1),
    )  # fmt: skip
    return encoder, 16, 2, decoder


def torch_contender(name, likelihood, x, compiled):
    import torch
    from torch import nn

    torch.set_num_threads(os.cpu_count())

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder, features, latent, self.decoder = torch_networks(name)
            if features:
                self.mean = nn.Linear(features, latent)
                self.log_variance = nn.Linear(features, latent)

        def forward(self, x):
            h, kl = self.encoder(x), 0.0
            if name != "deep":
                mean, log_variance = self.mean(h), self.log_variance(h)
                h = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
                kl = -0.5 * torch.sum(1 + log_variance - mean**2 - log_variance.exp()) / len(x)
            output = self.decoder(h)
            if likelihood == "bernoulli":
                error = nn.functional.binary_cross_entropy_with_logits(output, x, reduction="sum")
            else:
                error = torch.sum((x - output) ** 2)
            return error / len(x) + kl

    net = Net()
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    forward = torch.compile(net) if compiled else net
    data = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1) if x.ndim == 4 else x))

    def epoch():
        total = 0.0
        for rows in torch.randperm(len(data))[: len(data) // BATCH * BATCH].split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss = forward(data[rows])
            loss.backward()
            optimizer.step()
            total += loss.item()
        return total

    return epoch


# ---------------------------------------------------------------------------- measuring


class EpochClock(keras.callbacks.Callback):
    """Times the last epoch of a fit: what an epoch takes once training is under way."""

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self.seconds = time.perf_counter() - self.start


def timed(run):
    def seconds():
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    return seconds


def contenders(name, x, with_torch):
    likelihood = "squared_error" if name == "deep" else "bernoulli"
    model = tfae_contender(name, likelihood)
    chosen = []

    class Chosen(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            chosen.append(self.model.steps_per_execution)

    def keras_fit(model):
        clock = EpochClock()
        return lambda: (
            model.fit(x, batch_size=BATCH, epochs=2, verbose=0, callbacks=[clock])
            and (clock.seconds)
        )

    model.fit(x[: 4 * BATCH], batch_size=BATCH, verbose=0, callbacks=[Chosen()])
    steps = chosen[0]
    yield "tfae", keras_fit(model)
    other = tfae_contender(name, likelihood)
    other.compile(jit_compile=not model.jit_compile)
    yield f"tfae, XLA {'on' if other.jit_compile else 'off'}", keras_fit(other)
    yield "bare loop", timed(bare_loop(tfae_contender(name, likelihood), x))
    for jit in (True, False):
        hand = HandWritten(*networks(name), name != "deep", likelihood)
        hand.compile(
            keras.optimizers.Adam(1e-3), jit_compile=jit, steps_per_execution=max(steps, 16)
        )
        yield f"Keras, XLA {'on' if jit else 'off'}", keras_fit(hand)
    if with_torch:
        yield "PyTorch eager", timed(torch_contender(name, likelihood, x, compiled=False))
        yield "torch.compile", timed(torch_contender(name, likelihood, x, compiled=True))


def has_torch():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


TITLES = {
    "vae": "VAE 784-400-20, Bernoulli",
    "deep": "autoencoder 784-1000-500-250-30, ELU, squared error",
    "conv": "convolutional VAE of the Keras examples, Bernoulli",
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--model", choices=sorted(TITLES), action="append")
    arguments = parser.parse_args()
    for name in arguments.model or ["vae", "deep", "conv"]:
        images, source = load_images({"vae": 60_000, "deep": 12_800, "conv": 2_560}[name])
        x = images if name == "conv" else images.reshape(len(images), -1)
        runs = dict(contenders(name, x, has_torch()))
        times = {label: [] for label in runs}
        for run in runs.values():
            run()  # traces and compiles
            run()
        for _ in range(arguments.rounds):
            for label, run in runs.items():
                times[label].append(run() / (len(x) // BATCH) * 1e3)
        ours = np.array(times["tfae"])
        rows = []
        for label, values in times.items():
            ratios = np.array(values) / ours
            rows.append(
                [
                    label,
                    f"{np.median(values):.2f}",
                    f"{np.median(ratios):.2f}x",
                    f"{ratios.min():.2f}-{ratios.max():.2f}",
                ]
            )
        publish(
            f"train_step_{name}",
            f"A train step of the {TITLES[name]}; {source}, batch {BATCH}",
            ["contender", "ms per step", "tfae is faster by", "range over the rounds"],
            rows,
            effort={"rounds": arguments.rounds},
            note=describe() + ".",
        )


if __name__ == "__main__":
    main()
