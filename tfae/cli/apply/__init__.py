"""Applies a run to data: what `tfae encode`, `score`, `reconstruct` and `impute` share.

The data is read part by part (`reader.py` and a file for each kind of data), prepared as the run's
training data was (`preparation.py`), given to the model (`verbs.py`) and written
(`writer.py`), so that files may be larger than memory. `apply.py` puts these together. Another
kind of file needs a reader, a line in `open_reader.py`, and a writer if it is also to be written.
"""
