"""CSV files as inputs and targets of a model, with errors that name row and column. Training belongs in ``_commands.py``.

Rows count as in a spreadsheet: the header is row 1.
"""

import csv
import difflib
import io
import math
import shlex
from typing import NamedTuple

import numpy as np

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
MOST_TEXTS = 100  # different texts in a column of inputs: beyond that it is a name or a number of its row
LARGEST = float(np.finfo(np.float32).max)
MOST_CLASSES = 20  # different whole numbers in a target that counts as classes unless said otherwise


class TableError(ValueError):
    """What is wrong with a file, where, and how to mend it."""


class Table(NamedTuple):
    """Cells by column, and the row of the file that each comes from."""

    columns: dict
    rows: list
    settled: bool = False  # which columns are inputs, and how: a model says that, and no option
    target: str | None = None  # a column that is no input

    def __len__(self):
        return len(self.rows)

    def column(self, name):
        """The cells of a column, or an error that names those that are there."""
        if name in self.columns:
            return self.columns[name]
        near = difflib.get_close_matches(name, self.columns, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise TableError(f"there is no column {name!r}: {hint}the columns are {', '.join(map(repr, self.columns))}")


def read(path, *, drop=(), drop_missing=False, settled=False, target=None):
    """The table in a CSV file with a header; commas, semicolons or tabs between the cells.

    Raises
    ------
    TableError
        If the file is none, or a row or the header is damaged.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TableError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        row = path.read_bytes()[: error.start].count(b"\n") + 1
        raise TableError(f"{path} is not text in UTF-8 (row {row}): save it as CSV in UTF-8") from error
    first = next(io.StringIO(text, newline=""), "")
    separator = max(",;\t", key=first.count)
    try:  # not by splitlines, which takes other characters for ends of lines too
        records = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise TableError(f"{path} is no CSV file: {error}; look for a quotation mark that is not closed") from error
    header = [name.strip() for name in records[0]] if records else []
    if not any(header):
        raise TableError(f"{path} is empty: expected a row of column names and rows of values")
    _check_header(path, header)
    kept = [(number, record) for number, record in enumerate(records[1:], 2) if any(cell.strip() for cell in record)]
    for number, record in kept:
        if len(record) != len(header):
            raise TableError(f"{path}, row {number} has {len(record)} values, the header has {len(header)} columns")
    cells = {name: [record[i].strip() for _, record in kept] for i, name in enumerate(header)}
    table = Table(cells, [number for number, _ in kept], settled)
    for name in drop:
        table.column(name)
    table = Table({name: column for name, column in cells.items() if name not in drop}, table.rows, settled, target)
    return _without_missing(table) if drop_missing else table


def _check_header(path, header):
    for place, name in enumerate(header):
        if not name:
            raise TableError(f"{path}, row 1, column {place + 1} has no name: give every column one")
        if name in header[:place]:
            raise TableError(
                f"{path}, row 1: columns {header.index(name) + 1} and {place + 1} are both called {name!r}: rename one"
            )
    if all(_number(name) is not None for name in header):
        raise TableError(f"{path}, row 1 holds numbers alone: put a row of column names above them")


def _without_missing(table):
    keep = [i for i in range(len(table)) if not any(column[i].lower() in MISSING for column in table.columns.values())]
    columns = {name: [column[i] for i in keep] for name, column in table.columns.items()}
    return Table(columns, [table.rows[i] for i in keep], table.settled, table.target)


def _number(cell):
    """The number in a cell, or None."""
    try:
        return float(cell) if "_" not in cell else None
    except ValueError:
        return None


def is_text(cells):
    """Whether a column holds texts: no cell of it is a number."""
    return not any(_number(cell) is not None for cell in cells if cell.lower() not in MISSING)


def check_present(table, name):
    """Refuse empty cells."""
    for row, cell in zip(table.rows, table.column(name), strict=True):
        if cell.lower() in MISSING:
            shown = f"{cell!r} stands for nothing" if cell else "the cell is empty"
            others = "" if name == table.target else f", or the column by --drop {shlex.quote(name)}"
            mend = " or take the row out" if table.settled else f", leave out such rows by --drop-missing{others}"
            raise TableError(f"row {row}, column {name!r}: {shown}; fill it in{mend}")


def numbers(table, name):
    """A column as float64; an error for the first cell that is none."""
    check_present(table, name)
    cells = table.column(name)
    found = [_number(cell) for cell in cells]
    for row, cell, value in zip(table.rows, cells, found, strict=True):
        if value is None:
            good = sum(number is not None for number in found)
            texts = "classes by --task classes" if name == table.target else f"texts by --text {shlex.quote(name)}"
            others = f"mend it, or take the column as {texts}"
            mend = "mend it: the model was trained with numbers there" if table.settled else others
            said = f"though {good} of the {len(cells)} values of the column are" if good else "nor is any of the column"
            raise TableError(f"row {row}, column {name!r}: {cell!r} is not a number, {said}; {mend}")
        if not math.isfinite(value) or abs(value) > LARGEST:
            raise TableError(f"row {row}, column {name!r}: {cell!r} is not a finite number of usual size; mend it")
    return np.array(found, np.float64)


class Inputs:
    """Columns as the inputs of a model: numbers standardised, texts as one input for each of their values.

    Parameters
    ----------
    columns : list of dict
        For each column its name and either mean and scale, or values.
    """

    def __init__(self, columns):
        self.columns = columns

    @classmethod
    def learn(cls, table, names, texts, rows):
        """From the given columns of a table; means and scales from `rows` alone."""
        columns = []
        for name in names:
            if name in texts or is_text(table.column(name)):
                check_present(table, name)
                values = sorted(set(table.column(name)))
                if len(values) > MOST_TEXTS:
                    raise TableError(
                        f"column {name!r} has {len(values)} different texts, such as {values[0]!r} and {values[1]!r}: if "
                        f"they name the rows, leave the column out by --drop {shlex.quote(name)}"
                    )
                columns.append({"name": name, "values": values})
            else:
                values = numbers(table, name)[rows]
                scale = float(values.std())
                columns.append({"name": name, "mean": float(values.mean()), "scale": scale if scale > 0 else 1.0})
        return cls(columns)

    def encode(self, table):
        """The inputs of a table, float32."""
        parts = []
        for column in self.columns:
            name = column["name"]
            if "values" in column:
                parts.append(self._one_hot(table, name, column["values"]))
            else:
                parts.append((numbers(table, name)[:, None] - column["mean"]) / column["scale"])
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _one_hot(self, table, name, values):
        check_present(table, name)
        places = {value: place for place, value in enumerate(values)}
        for row, cell in zip(table.rows, table.column(name), strict=True):
            if cell not in places:
                near = difflib.get_close_matches(cell, values, 1)
                hint = f"did you mean {near[0]!r}?" if near else f"it had {', '.join(map(repr, values[:8]))}"
                raise TableError(f"row {row}, column {name!r}: {cell!r} is no value the model was trained with; {hint}")
        return np.eye(len(values))[[places[cell] for cell in table.column(name)]]
