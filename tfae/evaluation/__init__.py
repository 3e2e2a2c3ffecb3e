"""Metrics of trained models, one file for each.

`measure` computes all but the linear probe, which needs a labelled training set, too.
"""

from tfae.evaluation.active_units import active_units
from tfae.evaluation.elbo import Elbo, elbo, has_elbo
from tfae.evaluation.features import feature_rows
from tfae.evaluation.frechet import frechet_distance, gaussian_frechet_distance
from tfae.evaluation.linear_probe import linear_probe
from tfae.evaluation.measure import measure
from tfae.evaluation.mutual_information import mutual_information
from tfae.evaluation.precision_recall import PrecisionRecall, precision_recall
from tfae.evaluation.samples import random_sample
from tfae.evaluation.two_sample import TwoSampleTest, mmd_test

__all__ = [
    "Elbo",
    "PrecisionRecall",
    "TwoSampleTest",
    "active_units",
    "elbo",
    "feature_rows",
    "frechet_distance",
    "gaussian_frechet_distance",
    "has_elbo",
    "linear_probe",
    "measure",
    "mmd_test",
    "mutual_information",
    "precision_recall",
    "random_sample",
]
