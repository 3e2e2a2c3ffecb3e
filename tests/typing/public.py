"""Every public name with the types that its documentation promises, for a type checker.

Nothing here is run: mypy reads it (pyproject.toml), and `test_public.py` looks that no public name
is missing.
"""

from pathlib import Path
from typing import Any, assert_type

import keras
import numpy as np
import tensorflow as tf

import tfae
from tfae import data, evaluation, export, latent, layers, losses, networks, ops, pictures, priors
from tfae.models import MODELS
from tfae.sklearn import Encoder, Imputer


def every_model_is_built_from_networks(
    encoder: keras.Model, decoder: keras.Model, other: keras.Model
) -> list[keras.Model]:
    return [
        tfae.Autoencoder(encoder, decoder, likelihood="bernoulli", seed=0),
        tfae.DenoisingAutoencoder(encoder, decoder, corruption=layers.MaskingCorruption(0.5)),
        tfae.SparseAutoencoder(encoder, decoder, sparsity=losses.KL(target=0.1), seed=1),
        tfae.StackedAutoencoder([encoder], [decoder], likelihood=losses.SquaredError()),
        tfae.SparseCoding(64, penalty=0.1, atom_update="replace"),
        tfae.VariationalAutoencoder(encoder, decoder, beta=losses.LinearWarmUp(1000)),
        tfae.ImportanceWeightedAutoencoder(encoder, decoder, num_samples=5),
        tfae.ConditionalVariationalAutoencoder(encoder, decoder, num_classes=10),
        tfae.HierarchicalVariationalAutoencoder(encoder, decoder, other, other),
        tfae.VectorQuantizedVariationalAutoencoder(encoder, decoder, num_embeddings=64),
        tfae.WassersteinAutoencoder(encoder, decoder, prior=priors.Uniform()),
        tfae.AdversarialAutoencoder(encoder, decoder, other, prior=priors.GaussianRing()),
        tfae.SemiSupervisedAdversarialAutoencoder(encoder, decoder, other, num_classes=10),
    ]


def models_are_found_by_name() -> None:
    assert_type(sorted(MODELS), list[str])


def every_model_is_built_from_a_shape() -> None:
    assert_type(tfae.Autoencoder.from_shape((8, 8, 1), 3), tfae.Autoencoder)
    schema = tfae.data.TableSchema.infer({"a": [1.5, 2.0, 4.0]})
    assert_type(tfae.Autoencoder.from_schema(schema, 1), tfae.Autoencoder)
    model = tfae.VariationalAutoencoder.from_shape((8, 8, 1), 3, "conv", filters=(4,), seed=0)
    assert_type(model, tfae.VariationalAutoencoder)


def a_model_maps_arrays_to_arrays(model: tfae.VariationalAutoencoder, x: np.ndarray) -> None:
    model.compile(optimizer="adam", jit_compile="auto")
    history: keras.callbacks.History = model.fit(x, epochs=2, validation_split=0.1)
    codes = model.encode(x)
    assert_type(codes, np.ndarray)
    assert_type(model.encode(x, return_dict=True), dict[str, np.ndarray])
    assert_type(model.decode(codes), np.ndarray)
    reconstructed: np.ndarray = model.reconstruct(x, batch_size=64)  # a model of tables: a table
    generated: np.ndarray = model.generate(5, seed=0)
    assert len(reconstructed) > len(generated)
    assert_type(model.features(x, layers=["mean"]), dict[str, np.ndarray])
    assert_type(model.anomaly_score(x), np.ndarray)
    assert_type(model.fit_threshold(x, false_positive_rate=0.05), float)
    assert_type(model.is_anomaly(x), np.ndarray)
    assert_type(model.log_likelihood(x, num_samples=100, seed=0), np.ndarray)
    assert_type(model.fit_prior(x, "gaussian_mixture"), priors.Prior)
    assert_type(pictures.curves(history.history), pictures.Picture)


def stacks_and_atoms(stack: tfae.StackedAutoencoder, coding: tfae.SparseCoding) -> None:
    stack.pretrain(np.zeros((9, 4)), epochs=[2, 3])
    classifier: keras.Model = stack.classifier(10, head="svm")
    classifier.predict(np.zeros((9, 4)))
    assert_type(coding.atoms, np.ndarray)


def the_op(mean: tf.Tensor, log_variance: tf.Tensor) -> None:
    z, kl = ops.gaussian_sample_kl(mean, log_variance, tf.constant([1, 2]), num_samples=3)
    z, kl = ops.gaussian_sample_kl_reference(mean, log_variance, tf.constant([1, 2]))
    assert_type(ops.kernel_available("GPU"), bool)
    tf.print(z, kl)


def data_by_name_or_path() -> None:
    dataset: tf.data.Dataset = data.load("digits", split="test", batch_size=64, labels=True)
    source = data.find(Path("table.csv"), label_column="class")
    assert_type(source, data.Source)
    assert_type(source.describe("train"), data.Description)
    assert_type(source.describe().shape, tuple[int, ...])
    assert_type(source.scaling("standard"), data.Scaling)
    assert_type(data.BINARIZE, tuple[str, str, str])
    assert_type(data.patches.cut(np.zeros((32, 32)), 8, count=100), np.ndarray)
    print(dataset)


def tables(path: Path) -> None:
    schema = data.TableSchema.infer(path, kinds={"id": "ignore"}, max_categories=50)
    assert_type(schema, data.TableSchema)
    assert_type(schema.encode({"x": [1.0, 2.0]}), np.ndarray)
    assert_type(schema.column_scores(schema.encode(path)), np.ndarray)
    assert_type(schema.describe(), str)
    assert_type(schema.column_names, tuple[str, ...])
    assert_type(data.TableSchema.from_json(schema.to_json()), data.TableSchema)
    losses.Columns([("x", "gaussian", 1), ("c", losses.Categorical(), 3)])


def measuring(model: tfae.VariationalAutoencoder, x: np.ndarray, y: np.ndarray) -> None:
    assert_type(evaluation.measure(model, x, seed=1), dict[str, float])
    assert_type(evaluation.elbo(model, x), evaluation.Elbo)
    assert_type(evaluation.has_elbo(model), bool)
    assert_type(evaluation.mmd_test(x, y), evaluation.TwoSampleTest)
    assert_type(evaluation.mmd_test(x, y).p_value, float)
    assert_type(evaluation.precision_recall(x, y), evaluation.PrecisionRecall)
    assert_type(evaluation.frechet_distance(x, y), float)
    assert_type(evaluation.gaussian_frechet_distance(x[0], x, y[0], y), float)
    assert_type(evaluation.linear_probe(x, y, x, y), float)
    assert_type(evaluation.mutual_information(x, y), float)
    assert_type(evaluation.active_units(x), np.ndarray)
    assert_type(evaluation.feature_rows(x, features=None), np.ndarray)
    evaluation.random_sample(tf.data.Dataset.from_tensor_slices(x), 10)


def exporting(model: tfae.VariationalAutoencoder) -> None:
    assert_type(export.saved_model(model, "served", version=2), Path)
    assert_type(export.onnx(model, Path("model.onnx")), Path)
    export.tflite(model, "model.tflite", quantize="int8", calibration=np.zeros((100, 4)))
    assert_type(sorted(export.signatures(model)), list[str])


def codes_and_pictures(images: np.ndarray, codes: np.ndarray) -> None:
    assert_type(latent.interpolate(codes[0], codes[1], steps=5, kind="spherical"), np.ndarray)
    assert_type(latent.traverse(codes[0], 1, [-1.0, 0.0, 1.0]), np.ndarray)
    assert_type(pictures.image_grid(images), pictures.Picture)
    assert_type(pictures.image_rows(images, names=["a"]), pictures.Picture)
    assert_type(pictures.reconstructions(images, images), pictures.Picture)
    assert_type(pictures.latent_map(codes, labels=codes[:, 0]), pictures.Picture)
    assert_type(pictures.latent_plane(lambda z: z, size=4), pictures.Picture)


def networks_by_name() -> None:
    encoder, decoder = networks.mlp((8, 8, 1), 3, hidden_units=(32,), activation="elu")
    encoder, decoder = networks.conv((8, 8, 1), 3, variational=True, filters=(4, 8))
    discriminator: keras.Model = networks.discriminator((3,), hidden_units=(64,))
    assert_type(sorted(networks.ARCHITECTURES), list[str])
    print(encoder, decoder, discriminator)


def all_layers(generator: keras.random.SeedGenerator) -> list[keras.layers.Layer]:
    tf.print(layers.next_seed(generator))
    return [
        layers.ClassProbabilities(10),
        layers.DepthToSpace(block_size=2),
        layers.Dropout(0.5, seed=1),
        layers.GaussianCorruption(stddev=0.1),
        layers.GaussianSampling(num_samples=3),
        layers.MaskingCorruption(rate=0.5),
        layers.SaltAndPepperCorruption(rate=0.1, low=0.0, high=1.0),
        layers.Scaling(shift=[0.5], factor=2.0),
        layers.TopK(k=5),
        layers.VectorQuantizer(num_embeddings=64),
    ]


def likelihoods_and_penalties() -> tuple[list[losses.Likelihood], list[losses.Sparsity]]:
    return (
        [
            losses.AbsoluteError(),
            losses.Bernoulli(),
            losses.Categorical(),
            losses.ContinuousBernoulli(),
            losses.DiscretizedLogistic(),
            losses.Gaussian(scale="learned"),
            losses.Huber(),
            losses.Laplace(),
            losses.NegativeBinomial(),
            losses.Poisson(),
            losses.SquaredError(),
            losses.StudentT(),
        ],
        [losses.KL(target=0.05), losses.L1(coefficient=0.1)],
    )


def schedules_and_divergences(x: tf.Tensor, y: tf.Tensor) -> list[Any]:
    return [
        losses.CyclicalWarmUp(1000, cycles=4),
        losses.LinearWarmUp(1000, end=4.0),
        losses.bernoulli_kl(0.1, x),
        losses.expected_gaussian_log_density(x, x, y, y),
        losses.free_bits(losses.gaussian_kl_per_dimension(x, y), 0.1),
        losses.gaussian_entropy(x),
        losses.gaussian_kl(x, y),
        losses.gaussian_log_density(x, 0.0, 1.0),
        losses.inverse_multiquadratic_kernel(losses.squared_distances(x, y), scales=[1.0, 2.0]),
        losses.squared_mmd(x, y, kernel=losses.rbf_kernel),
        losses.zero_fraction([x, y]),
    ]


def all_priors(codes: np.ndarray) -> list[priors.Prior]:
    assert_type(sorted(priors.PRIORS), list[str])
    assert_type(sorted(priors.FITTED), list[str])
    return [
        priors.ClassAndStyle(10, priors.Gaussian()),
        priors.GaussianRing(num_components=8),
        priors.LearnedMixture(num_components=10),
        priors.Sampler(lambda seeds: seeds),
        priors.SwissRoll(),
        priors.Uniform(-1.0, 1.0),
        priors.VampPrior(num_components=100),
        priors.FittedCategorical(codes, codes, (2, 2)),
        priors.FittedGaussian(codes, codes, codes),
        priors.FittedGaussianMixture(codes, codes, codes),
        priors.fit(codes, "gaussian"),
        priors.get("gaussian"),
        priors.get_density("gaussian"),
        priors.get_fixed("swiss_roll"),
    ]


def scikit_learn(x: np.ndarray) -> None:
    encoder = Encoder("VariationalAutoencoder", latent_dim=3, epochs=5, random_state=0)
    assert_type(encoder.fit(x), Encoder)
    assert_type(encoder.transform(x), np.ndarray)
    assert tfae.sklearn.Encoder is Encoder
    imputer = Imputer(random_state=0)
    assert_type(imputer.fit(x), Imputer)
    assert_type(imputer.transform(x), np.ndarray)
