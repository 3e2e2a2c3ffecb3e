"""The fused op in NumPy and double precision: what every implementation must compute."""

import numpy as np


def _philox(key, counter):
    """The ten rounds of Philox 4x32 on uint64 arrays of 32-bit words; keys are integers."""
    low = np.uint64(0xFFFFFFFF)
    words = list(counter)
    for i in range(10):
        product0 = np.uint64(0xD2511F53) * words[0]
        product1 = np.uint64(0xCD9E8D57) * words[2]
        key0 = np.uint64((key[0] + i * 0x9E3779B9) & 0xFFFFFFFF)
        key1 = np.uint64((key[1] + i * 0xBB67AE85) & 0xFFFFFFFF)
        words = [
            (product1 >> np.uint64(32)) ^ words[1] ^ key0,
            product1 & low,
            (product0 >> np.uint64(32)) ^ words[3] ^ key1,
            product0 & low,
        ]
    return words


def _halves(number):
    number = int(number) % 2**64
    return number & 0xFFFFFFFF, number >> 32


def noise(seed, count, first=0):
    """Elements [first, first + count) of TensorFlow's philox normal noise.

    Args:
        seed: Two integers of 64 bits.
        count: How many.
        first: Their position in the stream.

    Returns:
        float64 array; TensorFlow rounds to float32.
    """
    scrambled = [np.array([w], np.uint64) for seed_word in seed for w in _halves(seed_word)]
    key0, key1, counter2, counter3 = (
        int(word[0]) for word in _philox((0x3EC8F720, 0x02461E29), scrambled)
    )
    blocks = np.arange(first // 4, (first + count + 3) // 4, dtype=np.uint64)
    counter = [blocks & np.uint64(0xFFFFFFFF), blocks >> np.uint64(32)]
    counter += [np.full_like(blocks, counter2), np.full_like(blocks, counter3)]
    words = _philox((key0, key1), counter)
    uniform = [(word & np.uint64(0x7FFFFF)).astype("float64") * 2.0**-23 for word in words]
    normal = []
    for u0, u1 in (uniform[:2], uniform[2:]):
        radius = np.sqrt(-2 * np.log(np.maximum(u0, np.float32(1e-7))))
        normal += [radius * np.sin(2 * np.pi * u1), radius * np.cos(2 * np.pi * u1)]
    return np.stack(normal, axis=1).ravel()[first % 4 :][:count]


def evaluate(mean, log_variance, seed, z_gradient, kl_gradient):
    """z, kl and, for given gradients of both, those of mean and log_variance, in float64.

    Args:
        mean, log_variance: `[rows, columns]`, of any dtype.
        seed: Two integers.
        z_gradient: `[samples, rows, columns]`.
        kl_gradient: `[rows]`.
    """
    m, v, dz, dkl = (
        np.asarray(array).astype("float64")
        for array in (mean, log_variance, z_gradient, kl_gradient)
    )
    with np.errstate(all="ignore"):
        variance = np.exp(v)
        step = np.exp(v / 2) * noise(seed, dz.size).reshape(dz.shape)
        dkl = dkl[:, None]
        return {
            "z": m + step,
            "kl": 0.5 * np.sum(m**2 + variance - 1 - v, axis=-1),
            "mean_gradient": dz.sum(axis=0) + dkl * m,
            "log_variance_gradient": 0.5 * ((dz * step).sum(axis=0) + dkl * (variance - 1)),
        }
