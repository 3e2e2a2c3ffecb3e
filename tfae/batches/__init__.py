"""Turns all kinds of data that Keras takes into checked batches, in a resumable order."""
