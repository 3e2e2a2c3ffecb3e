"""How good a trained model is: metrics on arrays, a file for each idea."""

from tfae.evaluation.two_sample import TwoSampleTest, mmd_test

__all__ = ["TwoSampleTest", "mmd_test"]
