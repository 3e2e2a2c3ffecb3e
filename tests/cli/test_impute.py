"""`tfae impute RUN`."""

from pathlib import Path

import numpy as np
import pytest

from tfae.cli.finished_run import read_run

TINY = "--latent-dim 2 --hidden-units 8 --epochs 1"


def rows_of(file):
    return [line.split(",") for line in Path(file).read_text().splitlines()]


def test_holes_of_a_table_are_filled_and_nothing_else_changes(tfae, make, people):
    make(f"variational --data {people} {TINY}")
    text = people.read_text().replace("Ulm", "Rom", 1)  # a category that the run does not know
    Path("new.csv").write_text(text)
    shown = " ".join(tfae("impute run --data new.csv --samples 3 --seed 1").output.split())
    assert "column 'city': 1 of 60 values are categories" in shown
    before, after = rows_of("new.csv"), rows_of("new.imputed.csv")
    changed = [(i, j) for i, row in enumerate(before) for j in range(6) if row[j] != after[i][j]]
    assert changed == [
        (i, j) for i, row in enumerate(before) for j in range(6) if row[j] in ("", "NA")
    ]
    filled = {j: {after[i][j] for i, of_cell in changed if of_cell == j} for j in (1, 2)}
    assert filled[2] <= {"Bonn", "Ulm", "Trier"}
    assert all(0 < float(age) < 100 for age in filled[1])


def test_an_array_keeps_its_type_and_what_is_observed(tfae, make, tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3))
    x = x * [1, 10, 1] + [0, 100, 0]
    x[::5, 1] = np.nan
    np.save(tmp_path / "x.npy", x)
    options = "--likelihood gaussian --missing mask --scale standard"
    run = make(f"autoencoder --data {tmp_path / 'x.npy'} {TINY} {options}")
    tfae("impute run --data x.npy")
    written = np.load("x.imputed.npy")
    assert written.dtype == np.float64
    observed = ~np.isnan(x)
    np.testing.assert_array_equal(written[observed], x[observed])
    expected = read_run(run)[0].impute(x.astype("float32"))
    np.testing.assert_allclose(written[~observed], expected[~observed], rtol=1e-5)
    assert abs(written[~observed].mean() - 100) < 30  # the scaling leaves out what is missing


@pytest.mark.parametrize(("kind", "said"), [("npy", "--missing mask"), ("csv", "--missing mask")])
def test_a_run_without_missing_values_says_how_to_train(tfae, make, table, kind, said):
    make(f"autoencoder --data {table} {TINY}")
    Path(f"new.{kind}").touch()
    assert said in tfae(f"impute run --data new.{kind}", exit_code=2).output
    assert sorted(p.name for p in Path().iterdir()) == [f"new.{kind}", "run"]
