"""Tables of mixed columns: trained on, applied to, and made."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from pyarrow import csv, parquet

from tfae.cli.finished_run import read_run
from tfae.tables import TableSchema

TINY = "--latent-dim 2 --hidden-units 8 --epochs 1"


@pytest.fixture
def of_people(make, people):
    """A run on the table, in the folder "run"."""
    return make(f"variational --data {people} {TINY}")


def rows_of(file):
    return [line.split(",") for line in Path(file).read_text().splitlines()]


def test_training_tells_what_the_columns_are_and_keeps_it(tfae, bare, people):
    options = f"{TINY} --column age=count --ignore city --label-column member --out run"
    shown = tfae(f"train autoencoder --data {people} {options}", exit_code=2).output
    assert "column 'age'" in " ".join(shown.split())  # its numbers are no counts
    options = options.replace("age=count", "label=categorical")
    shown = tfae(f"train autoencoder --data {people} {options}").output
    lines = [line.split() for line in shown.splitlines() if line]
    kinds = {words[0]: words[1] for words in lines if len(words) > 3}
    found = [kinds[name] for name in ("age", "label", "joined")]
    assert found == ["numeric", "categorical", "time"]
    assert "left out: 'city' ignored" in shown
    schema = TableSchema.from_json(Path("run/schema.json"))
    assert schema.column_names == ("age", "joined", "label")
    assert read_run(Path("run"))[0].schema == schema
    assert json.loads(Path("run/config.json").read_text())["classes"] == ["n", "y"]


def test_a_table_gets_its_columns_back_with_scores(tfae, of_people, people):
    tfae("fit run --false-positive-rate 0.2")
    shown = " ".join(tfae(f"score run --data {people} --out scored.csv").output.split())
    model = read_run(of_people)[0]
    before, after = rows_of(people), rows_of("scored.csv")
    assert [row[:6] for row in after] == before
    assert after[0][6:] == ["anomaly_score", "is_anomaly", "worst_column"]
    x = model.schema.encode(people, other_columns="ignore")
    scores = model.anomaly_score(x)
    np.testing.assert_allclose([float(row[6]) for row in after[1:]], scores, rtol=1e-5)
    assert [row[7] == "True" for row in after[1:]] == model.is_anomaly(x).tolist()
    assert [row[8] for row in after[1:]] == model.worst_column(x).tolist()
    assert f"{model.is_anomaly(x).sum()} of 60 are anomalies" in shown
    oddest = 2 + int(np.argmax(scores))  # the header is line 1
    assert f"│ {oddest} " in shown
    assert "line" in shown


def test_columns_find_each_other_by_name_in_any_kind_of_file(tfae, of_people, people):
    """Another order, delimiter, compression and format, and a column more; none is a label."""
    table = csv.read_csv(people)
    columns = ["joined", "member", "age", "name", "city"]
    other = table.select(columns).append_column("note", table["name"])
    parquet.write_table(other, "new.parquet")
    lines = [
        ";".join(row[["name", "age", "city", "member", "joined"].index(c)] for c in columns)
        for row in rows_of(people)
    ]
    with gzip.open("new.csv.gz", "wt", encoding="utf-8-sig") as file:
        file.write("\n".join(lines))
    tfae(f"encode run --data {people} --out codes.npy")
    for name in ("new.parquet", "new.csv.gz"):
        shown = " ".join(tfae(f"encode run --data {name} --out {name}.npy").output.split())
        np.testing.assert_allclose(np.load(f"{name}.npy"), np.load("codes.npy"), rtol=1e-5)
        assert ("does not know the column 'note'" in shown) == (name == "new.parquet")
    tfae("encode run --data new.parquet")
    written = parquet.read_table("new.encoded.parquet")
    assert written.column_names == [*other.column_names, "code_0", "code_1"]
    assert written.select(other.column_names).equals(other)
    tfae("encode run --data new.csv.gz --out typed.parquet")
    typed = parquet.read_table("typed.parquet")["age"]
    np.testing.assert_array_equal(typed.to_numpy(), table["age"].to_numpy())
    tfae("encode run --data new.csv.gz")
    with gzip.open("new.encoded.csv.gz", "rt") as file:
        assert file.readline() == "joined;member;age;name;city;code_0;code_1\n"


def test_a_reconstructed_table_has_the_columns_and_types_of_the_data(tfae, of_people, people):
    tfae(f"reconstruct run --data {people} --out new.csv")
    before, after = rows_of(people), rows_of("new.csv")
    assert after[0] == before[0]
    assert [(row[0], row[5]) for row in after] == [(row[0], row[5]) for row in before]
    table = csv.read_csv("new.csv")
    assert set(table["city"].to_pylist()) <= {"Bonn", "Ulm", "Trier"}
    assert set(table["member"].to_pylist()) <= {"n", "y"}
    assert str(table.schema.field("joined").type) == "date32[day]"
    model = read_run(of_people)[0]
    x = model.schema.encode(people, other_columns="ignore")
    expected = model.schema.decode(model.reconstruct(x))["age"].to_pylist()
    np.testing.assert_allclose(table["age"].to_pylist(), expected, rtol=1e-6)


def test_synthetic_rows_have_the_columns_of_the_table(tfae, of_people):
    assert "7 rows" in tfae("generate run --rows 7 --out rows.csv").output
    header, *rows = rows_of("rows.csv")
    assert header == ["age", "city", "member", "joined"]
    assert len(rows) == 7
    assert {row[1] for row in rows} <= {"Bonn", "Ulm", "Trier"}
    assert all(len(row[3]) == 10 for row in rows)
    tfae("generate run --rows 7 --out rows.parquet")
    expected = read_run(of_people)[0].generate(7, seed=0)
    assert parquet.read_table("rows.parquet").equals(expected)
    assert "samples.csv" in tfae("generate run -n 2").output


def test_tables_of_numbers_stay_as_they_are(tfae, make, tmp_path):
    x = np.random.default_rng(0).random((40, 3)).round(3)
    lines = "\n".join(",".join(map(str, row)) for row in x)
    (tmp_path / "x.csv").write_text(f"a,b,c\n{lines}\n")
    run = make(f"variational --data {tmp_path / 'x.csv'} {TINY}")
    model, config = read_run(run)
    assert config["data"]["columns"] == ["a", "b", "c"]
    assert getattr(model, "schema", None) is None
    tfae("encode run --data x.csv --out codes.npy")
    np.testing.assert_allclose(np.load("codes.npy"), model.encode(x.astype("float32")), rtol=1e-5)
    tfae("generate run --rows 3 --out rows.csv")
    header, *rows = rows_of("rows.csv")
    assert header == ["a", "b", "c"]
    np.testing.assert_allclose(np.array(rows, float), model.generate(3, seed=0), rtol=1e-5)


def test_a_run_reads_other_tables_in_its_own_encoding_and_with_its_own_dates(tfae, bare):
    rows = [f"0{1 + i % 9}/0{1 + i % 7}/2024;{i},{i % 7}5;{'äö'[i % 2]}" for i in range(40)]
    Path("t.csv").write_bytes("\n".join(["day;a;c", *rows]).encode("cp1252"))
    assert "not UTF-8" in tfae(f"train autoencoder --data t.csv {TINY} --out run", 2).output
    told = "--date-format day=%m/%d/%Y --encoding cp1252 --transform a=quantile"
    tfae(f"train autoencoder --data t.csv {TINY} {told} --out run")
    kinds = [column.kind for column in read_run(Path("run"))[0].schema.columns]
    assert kinds == ["time", "numeric", "binary"]
    shown = tfae("score run --data t.csv --out scored.csv").output
    assert "does not know" not in shown
    assert "ä" in Path("scored.csv").read_text()
