"""A model in production: one file, NumPy and fastact, nothing else.

    python deploy.py model.safetensors rows.csv

reads the weights that fastact or torch wrote of ``Sequential(Linear, GELU, ..., Linear)``, and prints the class and its
probability for each line of numbers in rows.csv. Copy the file and change `predict` to your model.
"""

import json
import sys

import numpy as np

import fastact as fa

DTYPES = {"F32": np.float32, "F64": np.float64, "I64": np.int64}


def load(path):
    """The arrays of a safetensors file by name: eight bytes of header length, a JSON header, the arrays."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], DTYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
        if not name.startswith("fastact.")  # what a Trainer needs to go on training
    }


def predict(weights, x):
    """Probabilities of the classes."""
    layers = sorted({int(name.split(".")[0]) for name in weights})
    for layer in layers:
        x = x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]
        if layer != layers[-1]:
            fa.gelu(x, out=x)
    return fa.softmax(x)


def main(model, rows):
    """Print a line for each line of `rows`."""
    weights = load(model)
    probabilities = predict(weights, np.loadtxt(rows, np.float32, delimiter=",", ndmin=2))
    for row in probabilities:
        print(row.argmax(), f"{row.max():.4f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {sys.argv[0]} model.safetensors rows.csv")
    main(*sys.argv[1:])
