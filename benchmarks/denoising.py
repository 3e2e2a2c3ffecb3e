"""Denoised MNIST: a denoising autoencoder, compared with a plain one and two classical filters.

    python benchmarks/denoising.py [--epochs 20] [--seeds 0] [--noise gaussian salt_and_pepper]

Prints the peak signal-to-noise ratio (PSNR in dB, the mean over the test images; higher is better)
of noisy test digits and of each method's results, at three levels of each kind of noise. Noisy
images are clipped to [0, 1], as a camera would do. One denoising autoencoder is trained for each
level, and one plain autoencoder with the same network for all. The filters use their best settings
for each level, chosen on training images. Non-local means needs scikit-image, which the `bench`
extra installs.
"""

import argparse
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from _results import publish
from scipy.ndimage import median_filter

import tfae

BATCH = 128
TUNING = 200  # training images on which the filters' settings are chosen
LEVELS = {"gaussian": (0.2, 0.4, 0.6), "salt_and_pepper": (0.1, 0.25, 0.4)}
NOISE = {
    "gaussian": tfae.layers.GaussianCorruption,
    "salt_and_pepper": tfae.layers.SaltAndPepperCorruption,
}
NETWORK = {"latent_dim": 256, "hidden_units": (1024,)}


def images(split):
    dataset = tfae.data.load("mnist", split=split, batch_size=1000, shuffle=False)
    return np.concatenate(list(dataset.as_numpy_iterator()))


def psnr(clean, image):
    error = np.mean((clean - image) ** 2, axis=(1, 2, 3))
    return float(np.mean(-10 * np.log10(np.maximum(error, 1e-10))))


def corrupted(x, noise, level, seed):
    return np.clip(NOISE[noise](level, seed=seed)(x, training=True).numpy(), 0, 1)


def train(model_class, x, epochs, seed, **options):
    keras.utils.set_random_seed(seed)
    model = model_class.from_shape((28, 28, 1), **NETWORK, seed=seed, **options)
    steps = epochs * -(-len(x) // BATCH)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps)))
    model.fit(x, batch_size=BATCH, epochs=epochs, verbose=2)
    return model


def median(noisy, setting):
    return median_filter(noisy, size=(1, setting, setting, 1))


def non_local_means(noisy, setting):
    from skimage.restoration import denoise_nl_means

    options = {"patch_size": 5, "patch_distance": 9, "h": setting, "fast_mode": True}
    return np.stack([denoise_nl_means(image[..., 0], **options)[..., None] for image in noisy])


def filters():
    """The filters by name, each with the settings to choose from."""
    yield "median filter", median, (1, 3, 5)
    try:
        import skimage  # noqa: F401
    except ImportError:
        print("Non-local means is left out: scikit-image is not installed (pip install '.[bench]')")
        return
    yield "non-local means", non_local_means, (0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0)


def compare(x, test, noise, level, plain, epochs, seed):
    """PSNR by method."""
    noisy = corrupted(test, noise, level, seed=1000 + seed)
    results = {"noisy": psnr(test, noisy)}
    sample = x[:TUNING]
    noisy_sample = corrupted(sample, noise, level, seed=2000 + seed)
    for name, function, settings in filters():
        best = max(settings, key=lambda s: psnr(sample, np.clip(function(noisy_sample, s), 0, 1)))
        results[name] = psnr(test, np.clip(function(noisy, best), 0, 1))
    results["autoencoder"] = psnr(test, plain.reconstruct(noisy))
    # Clipped like the noisy images: a network does best on the noise that it was trained on.
    clip = keras.layers.ReLU(max_value=1.0)
    corruption = keras.Sequential([NOISE[noise](level), clip])
    model = train(tfae.DenoisingAutoencoder, x, epochs, seed, corruption=corruption)
    results["denoising autoencoder"] = psnr(test, model.reconstruct(noisy))
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--noise", choices=sorted(LEVELS), nargs="+", default=sorted(LEVELS))
    parser.add_argument("--images", type=int, default=60_000, help="number of training images")
    parser.add_argument("--test-images", type=int, default=10_000)
    arguments = parser.parse_args()
    x, test = images("train")[: arguments.images], images("test")[: arguments.test_images]
    runs = []
    for seed in arguments.seeds:
        plain = train(tfae.Autoencoder, x, arguments.epochs, seed)
        for noise in arguments.noise:
            for level in LEVELS[noise]:
                values = compare(x, test, noise, level, plain, arguments.epochs, seed)
                runs.append([noise.replace("_", " "), level, seed, values])
                print(runs[-1])
    publish(
        "denoising",
        f"Denoising MNIST: PSNR in dB of {len(test):,} test digits",
        ["noise", "level", "seed", *runs[0][-1]],
        [[*run, *(f"{value:.2f}" for value in values.values())] for *run, values in runs],
        seeds=arguments.seeds,
        effort={"epochs": arguments.epochs, "images": len(x), "test images": len(test)},
        note=f"Networks 784-1024-256-1024-784, {arguments.epochs} epochs on {len(x):,} images; the "
        "filters use their best settings for each level.",
    )


if __name__ == "__main__":
    main()
