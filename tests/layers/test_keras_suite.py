"""Keras' own suite for layers, unmodified, on every public layer."""

import pytest
from keras.src.testing import TestCase  # which Keras tests its own layers with; it is private

import tfae.layers
from tfae.layers import (
    ClassProbabilities,
    DepthToSpace,
    Dropout,
    GaussianCorruption,
    GaussianSampling,
    MaskingCorruption,
    SaltAndPepperCorruption,
    Scaling,
    TopK,
    VectorQuantizer,
)

NOISE = {"input_shape": (4, 6), "expected_output_shape": (4, 6), "expected_num_seed_generators": 1}
SAME = {"input_shape": (4, 6), "expected_output_shape": (4, 6)}

SUITE = {
    ClassProbabilities: ({"num_classes": 3}, SAME),
    DepthToSpace: (
        {"block_size": 2},
        {"input_shape": (2, 3, 4, 8), "expected_output_shape": (2, 6, 8, 2)},
    ),
    Dropout: ({"rate": 0.5, "seed": 1}, NOISE),
    GaussianCorruption: ({"stddev": 0.3, "seed": 1}, NOISE),
    GaussianSampling: (
        {"seed": 1},
        {
            "input_shape": {"mean_shape": (4, 3), "log_variance_shape": (4, 3)},
            "expected_output_shape": ((4, 3), (4,)),
            "expected_num_seed_generators": 2,
            "run_training_check": False,  # Keras' toy model has one input
        },
    ),
    MaskingCorruption: ({"rate": 0.5, "seed": 1}, NOISE),
    SaltAndPepperCorruption: ({"rate": 0.5, "seed": 1}, NOISE),
    Scaling: ({"shift": 1.0, "factor": 0.5}, {**SAME, "run_mixed_precision_check": False}),
    TopK: ({"k": 2}, SAME),
    VectorQuantizer: (
        {"num_embeddings": 5, "seed": 1},
        {
            "input_shape": (4, 6),
            "expected_output_shape": ((4, 6), (4,)),
            "expected_num_trainable_weights": 0,
            "expected_num_non_trainable_weights": 3,
            "run_training_check": False,  # Keras' toy model fits floats, and indices are integers
        },
    ),
}


@pytest.mark.parametrize("cls", SUITE, ids=lambda cls: cls.__name__)
def test_keras_own_checks_pass(cls):
    arguments, expected = SUITE[cls]
    TestCase().run_layer_test(cls, init_kwargs=arguments, **expected)


def test_every_public_layer_is_checked():
    public = {getattr(tfae.layers, name) for name in tfae.layers.__all__}
    assert {cls for cls in public if isinstance(cls, type)} == set(SUITE)
