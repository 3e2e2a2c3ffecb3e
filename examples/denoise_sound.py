"""Removes noise from a melody, with atoms learned from the noisy melody itself."""

import numpy as np

import tfae
from tfae.data import patches

time = np.arange(8000 * 3) / 8000  # three seconds
notes = 220 * 2 ** (np.array([0, 4, 7, 12, 7, 4])[(time * 4).astype(int) % 6] / 12)
clean = np.exp(-6 * (time * 4 % 1)) * sum(
    np.sin(2 * np.pi * k * np.cumsum(notes) / 8000) / k for k in (1, 2, 3)
)
noise = 0.2
noisy = clean + np.random.default_rng(0).normal(0, noise, clean.shape)

x, means = patches.remove_mean(patches.cut(noisy, 128))
model = tfae.SparseCoding(num_atoms=128, penalty=3 * noise, seed=0)
model.compile()
model.fit(x, batch_size=512, epochs=2, verbose=0)
denoised = patches.join(model.reconstruct(x) + means, noisy.shape, 128)


def snr(sound):
    return 10 * np.log10(np.mean(clean**2) / np.mean((sound - clean) ** 2))


print(f"Signal-to-noise ratio: noisy {snr(noisy):.2f} dB, denoised {snr(denoised):.2f} dB")
