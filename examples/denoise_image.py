"""Removes noise from a photograph, with atoms learned from the noisy photograph itself."""

import numpy as np
from sklearn.datasets import load_sample_image

import tfae
from tfae.data import patches

clean = load_sample_image("china.jpg").mean(axis=-1)[::2, ::2] / 255
noise = 0.1
noisy = clean + np.random.default_rng(0).normal(0, noise, clean.shape)

x, means = patches.remove_mean(patches.cut(noisy, (8, 8)))
model = tfae.SparseCoding(num_atoms=128, penalty=2 * noise, seed=0)
model.compile()
model.fit(x, batch_size=512, epochs=1, verbose=0)
denoised = patches.join(model.reconstruct(x) + means, noisy.shape, (8, 8))


def psnr(image):
    return -10 * np.log10(np.mean((image - clean) ** 2))


print(f"PSNR: noisy {psnr(noisy):.2f} dB, denoised {psnr(denoised):.2f} dB")
