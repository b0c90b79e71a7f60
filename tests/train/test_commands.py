"""`python -m fastact train` and `predict`: what they learn, print and write, and which cell they blame."""

import csv
import io
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris

from fastact import cli
from fastact._table import Inputs, read
from fastact.train import Trainer
from tests.train.test_trainer import ENVIRONMENT


def write(path, header, rows, separator=","):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows([header, *rows])
    return str(path)


@pytest.fixture
def iris(tmp_path):
    data = load_iris()
    rows = [[*x, data.target_names[t]] for x, t in zip(data.data.tolist(), data.target, strict=True)]
    return write(tmp_path / "iris.csv", ["sl", "sw", "pl", "pw", "species"], rows)


def test_classes_from_file_to_predictions(iris, tmp_path, capsys):
    model = tmp_path / "iris.safetensors"
    assert cli.main(["train", iris, "--target", "species", "--output", str(model), "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert "150 rows, 4 columns of numbers, 0 of texts" in printed
    assert "3 classes (setosa 50, versicolor 50, virginica 50)" in printed
    assert "102 rows to train on, 18 to stop by, 30 held out; 4 inputs -> 64 GELU -> 64 GELU -> 3 classes" in printed
    assert "held-out accuracy 9" in printed or "held-out accuracy 100" in printed
    assert cli.main(["predict", str(model), iris]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    true = [row["species"] for row in csv.DictReader((tmp_path / "iris.csv").read_text().splitlines())]
    assert np.mean([row["species"] == label for row, label in zip(rows, true, strict=True)]) > 0.9
    assert sum(float(rows[0][f"p({label})"]) for label in ("setosa", "versicolor", "virginica")) == pytest.approx(1)
    loaded = Trainer.load(model)
    assert loaded.predict(Inputs(loaded.extra["inputs"]).encode(read(tmp_path / "iris.csv"))).tolist() == [
        row["species"] for row in rows
    ]


def test_values_texts_semicolons_and_options(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = load_diabetes(scaled=False)
    rows = [
        [*x, "woman" if x[1] == 2 else "man", i, t] for i, (x, t) in enumerate(zip(data.data, data.target, strict=True))
    ]
    write(tmp_path / "d.csv", [*data.feature_names, "kind", "id", "progress"], rows, ";")
    options = ["--drop", "id", "sex", "--text", "s4", "--hidden", "32", "--activation", "silu", "--batch-size", "64"]
    assert cli.main(["train", "d.csv", "--target", "progress", *options, "--learning-rate", "0.003"]) == 0
    printed = capsys.readouterr().out
    assert "8 columns of numbers, 2 of texts; target 'progress': values from 25 to 346" in printed
    assert "R² 0.4" in printed or "R² 0.5" in printed
    assert cli.main(["predict", "d.safetensors", "d.csv", "--output", "out.csv"]) == 0
    values = [float(row["progress"]) for row in csv.DictReader((tmp_path / "out.csv").read_text().splitlines())]
    assert np.corrcoef(values, data.target)[0, 1] > 0.6 and 100 < np.mean(values) < 200


def test_the_same_seed_gives_the_same_file(iris, tmp_path, capsys):
    for name in ("a", "b"):
        assert cli.main(["train", iris, "--target", "species", "--output", str(tmp_path / name), "--epochs", "5"]) == 0
    one, two = (Trainer.load(tmp_path / name) for name in ("a", "b"))
    assert one.model[0].weight.tolist() == two.model[0].weight.tolist()


def test_rare_classes_whole_numbers_and_blank_lines(tmp_path, capsys):
    rows = [[i % 7, i % 3] for i in range(40)] + [[], [9, 7], [""], [8, 5]]
    path = write(tmp_path / "d.csv", ["x", "y"], rows)
    assert cli.main(["train", path, "--target", "y", "--output", str(tmp_path / "m"), "--epochs", "3"]) == 0
    assert "5 classes (0 14, 1 13, 2 13, 7 1, 5 1)" in capsys.readouterr().out
    for task, said in (("values", "values from 0 to 7"), ("classes", "5 classes")):
        arguments = ["--task", task, "--output", str(tmp_path / "m"), "--epochs", "2", "--hidden"]
        assert cli.main(["train", path, "--target", "y", *arguments]) == 0
        assert said in capsys.readouterr().out


def test_inputs_are_scaled_by_the_rows_that_are_trained_on(tmp_path):
    table = read(pathlib.Path(write(tmp_path / "d.csv", ["x", "c", "k"], [[1, "a", 5], [3, "b", 5], [100, "a", 5]])))
    inputs = Inputs.learn(table, ["x", "c", "k"], [], np.array([0, 1]))
    assert inputs.encode(table).tolist() == [[-1, 1, 0, 0], [1, 0, 1, 0], [98, 1, 0, 0]]


GOOD = [[str(i), "red" if i % 2 else "blue", str(i % 2)] for i in range(20)]


def damaged(row, place, cell):
    rows = [list(cells) for cells in GOOD]
    rows[row][place] = cell
    return rows


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (damaged(4, 0, "abc"), "row 6, column 'x': 'abc' is not a number, though 19 of the 20 values.*--text x"),
        (damaged(0, 0, ""), "row 2, column 'x': the cell is empty; fill it in.*--drop-missing.*--drop x"),
        (damaged(19, 1, "NA"), "row 21, column 'colour': 'NA' stands for nothing"),
        (damaged(7, 2, " "), "row 9, column 'y': the cell is empty"),
        (damaged(3, 0, "inf"), "row 5, column 'x': 'inf' is not a finite number"),
        (damaged(3, 0, "1_000"), "row 5, column 'x': '1_000' is not a number"),
        (damaged(3, 0, "1e300"), "row 5, column 'x': '1e300' is not a finite number of usual size"),
        ([*GOOD[:5], ["1", "red"], *GOOD[5:]], "row 7 has 2 values, the header has 3 columns"),
        ([*GOOD, [""], ["1", "red", "0", "4"]], "row 23 has 4 values, the header has 3 columns"),
        ([[x, c, "1"] for x, c, _ in GOOD], "column 'y' holds '1' alone: there is nothing to tell apart"),
        (GOOD[:9], "has 9 rows of values: at least 10 are needed"),
        ([[x, f"name{x}", y] for x, _, y in GOOD * 6], None),
    ],
)
def test_bad_cells_are_named(tmp_path, capsys, rows, said):
    path = write(tmp_path / "d.csv", ["x", "colour", "y"], rows)
    code = cli.main(
        ["train", path, "--target", "y", "--output", str(tmp_path / "m"), "--epochs", "1", "--task", "classes"]
    )
    printed = capsys.readouterr()
    if said is None:
        assert code == 0
        return
    assert code == 1 and printed.out == ""
    assert re.match(f"fastact train: .*{said}", printed.err.rstrip("\n")), printed.err


@pytest.mark.parametrize(
    ("row", "place", "target", "task", "said"),
    [
        (4, 0, "y", "classes", r"--text 'x \(cm\)'$"),
        (0, 0, "y", "classes", r"--drop-missing, or the column by --drop 'x \(cm\)'$"),
        (0, 2, "y", "classes", "fill it in, leave out such rows by --drop-missing$"),
        (4, 2, "y", "values", "though 19 of the 20 values.*mend it, or take the column as classes by --task classes$"),
        (4, 2, "colour", "values", "'blue' is not a number, nor is any of the column; mend it, or .*--task classes$"),
    ],
)
def test_mends_are_words_of_a_shell_and_spare_the_target(tmp_path, capsys, row, place, target, task, said):
    rows = damaged(row, place, "abc" if row else "")
    path = write(tmp_path / "d.csv", ["x (cm)", "colour", "y"], rows)
    given = ["--text", "y"] if target == "colour" else []
    assert cli.main(["train", path, "--target", target, "--output", str(tmp_path / "m"), "--task", task, *given]) == 1
    assert re.search(said, capsys.readouterr().err.rstrip("\n"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: expected a row of column names"),
        (b"\n\n", "is empty"),
        (b"x,y\n", "has 0 rows of values"),
        (b"x,x\n1,2\n", "columns 1 and 2 are both called 'x'"),
        (b"x,,y\n1,2,3\n", "row 1, column 2 has no name"),
        (b"1,2\n3,4\n", "row 1 holds numbers alone: put a row of column names above them"),
        (b"x,y\n1,\xff\n", r"not text in UTF-8 \(row 2\)"),
        (b'x,y\n1,"2\n3,4\n', "quotation mark that is not closed"),
        (b"x,z\n" + b"1,2\n" * 12, "there is no column 'y': the columns are 'x', 'z'"),
        (b"y\n" + b"1\n" * 12, "no column besides the target 'y'"),
        (b"x,y\n" + b"1,2.5\n" * 12, "column 'y' holds 2.5 alone: there is nothing to fit"),
        (
            b"name,y\n" + b"".join(b"n%d,%d\n" % (i, i % 2) for i in range(120)),
            "'name' has 120 different texts.*--drop name",
        ),
    ],
)
def test_bad_files_are_explained(tmp_path, capsys, content, said):
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    assert cli.main(["train", str(path), "--target", "y", "--output", str(tmp_path / "m")]) == 1
    assert re.search(said, capsys.readouterr().err)
    assert not (tmp_path / "m").exists()


def test_missing_files_columns_and_folders(tmp_path, capsys, iris):
    for arguments, said in [
        (["train", "nowhere.csv", "--target", "y"], "cannot read nowhere.csv: No such file"),
        (["train", iris, "--target", "specie"], "no column 'specie': did you mean 'species'?"),
        (["train", iris, "--target", "species", "--drop", "pk"], "no column 'pk': the columns are"),
        (["train", iris, "--target", "species", "--text", "colour"], "no column 'colour'"),
        (
            ["train", iris, "--target", "species", "--epochs", "1", "--output", "/nowhere/m"],
            "name another file by --output",
        ),
        (["predict", iris, iris], "is not a safetensors file"),
        (["predict", "nowhere", iris], "No such file"),
    ]:
        assert cli.main(arguments) == 1
        assert said in capsys.readouterr().err
    for wrong in (["--held-out", "1"], ["--learning-rate", "0"], ["--hidden", "0"], ["--activation", "rellu"]):
        with pytest.raises(SystemExit):
            cli.main(["train", iris, "--target", "species", *wrong])


def test_predictions_of_files_that_do_not_fit(tmp_path, capsys):
    model, path = str(tmp_path / "m"), write(tmp_path / "d.csv", ["x", "colour", "y"], GOOD)
    assert cli.main(["train", path, "--target", "y", "--output", model, "--epochs", "2", "--drop-missing"]) == 0
    for header, rows, said in [
        (
            ["x", "colour"],
            [["1", "rad"]],
            "row 2, column 'colour': 'rad' is no value the model was trained with; did you mean",
        ),
        (["x"], [["1"]], "there is no column 'colour'"),
        (["x", "colour"], [["q", "red"]], "row 2, column 'x': 'q' is not a number"),
    ]:
        new = write(tmp_path / "new.csv", header, rows)
        assert cli.main(["predict", model, new]) == 1
        assert said in capsys.readouterr().err
    good = write(tmp_path / "new.csv", ["colour", "more", "x"], [["red", "?", "3"]])
    assert cli.main(["predict", model, good]) == 0
    assert capsys.readouterr().out.startswith("y,p(0),p(1)\n")
    assert cli.main(["predict", model, good, "--output", str(tmp_path / "no" / "file")]) == 1
    Trainer.load(model).save(tmp_path / "plain")
    plain = Trainer.load(model)
    plain.extra = {}
    plain.save(tmp_path / "plain")
    assert cli.main(["predict", str(tmp_path / "plain"), good]) == 1
    assert "was not made by `fastact train`" in capsys.readouterr().err


def test_a_target_that_names_rows_is_refused(tmp_path, capsys):
    path = write(tmp_path / "ids.csv", ["x", "t"], [[i % 7, f"id{i}"] for i in range(30)])
    assert cli.main(["train", path, "--target", "t"]) == 1
    assert "column 't' holds 30 different texts in 30 rows" in capsys.readouterr().err
    path = write(tmp_path / "pairs.csv", ["x", "t"], [[i % 7, f"id{i // 2}"] for i in range(30)])
    for seed in range(5):  # one row to stop by and one held out, of classes that keep another
        options = ["--output", str(tmp_path / "m"), "--epochs", "1", "--seed", str(seed)]
        assert cli.main(["train", path, "--target", "t", *options]) == 0


@pytest.mark.parametrize(("taken", "said"), [("m", "it is a folder"), ("none/m", "its folder does not exist")])
def test_an_output_that_cannot_be_written_is_refused_before_the_training(taken, said, iris, tmp_path, capsys):
    (tmp_path / "m").mkdir()
    assert cli.main(["train", iris, "--target", "species", "--output", str(tmp_path / taken)]) == 1
    printed = capsys.readouterr()
    assert f"{said}; name another file by --output" in printed.err and "rows to train on" not in printed.out


def test_it_needs_numpy_alone(iris, tmp_path):
    program = f"""
import sys
for name in ("matplotlib", "tqdm", "scipy", "torch", "sklearn", "safetensors", "pandas"):
    sys.modules[name] = None
from fastact.cli import main
sys.exit(main(["train", {iris!r}, "--target", "species", "--epochs", "2", "--output", "m"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, env=ENVIRONMENT
    )
    assert done.returncode == 0 and done.stderr == "" and (tmp_path / "m").exists()


def test_only_ends_of_lines_end_a_row(tmp_path, capsys):
    cells = [[str(i), f"a{mark}b" if i % 2 else "c", str(i % 2)] for i, mark in enumerate("\u2028\x85\x0c\x1d" * 5)]
    for end in ("\n", "\r\n", "\r"):
        text = end.join(",".join(row) for row in [["x", "t", "y"], *cells, ["abc", "c", "1"]])
        (tmp_path / "d.csv").write_bytes(text.encode())
        assert cli.main(["train", str(tmp_path / "d.csv"), "--target", "y", "--output", str(tmp_path / "m")]) == 1
        assert "row 22, column 'x': 'abc' is not a number" in capsys.readouterr().err


def test_a_prediction_does_not_name_options_of_train(tmp_path, capsys):
    path, model = write(tmp_path / "d.csv", ["x", "colour", "y"], GOOD), str(tmp_path / "m")
    assert cli.main(["train", path, "--target", "y", "--output", model, "--epochs", "1"]) == 0
    for cell, said in (("abc", "mend it: the model was trained with numbers"), ("", "fill it in or take the row out")):
        write(tmp_path / "new.csv", ["x", "colour"], [["1", "red"], [cell, "blue"]])
        assert cli.main(["predict", model, str(tmp_path / "new.csv")]) == 1
        printed = capsys.readouterr().err
        assert "row 3, column 'x': " in printed and said in printed and "--" not in printed
