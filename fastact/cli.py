"""The command line: arguments and exit codes of `python -m fastact`. What a command does belongs in its own module."""

import argparse
import os
import pathlib
import sys


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Says the defaults that are something."""

    def _get_help_string(self, action):
        return action.help if action.default in (None, []) else super()._get_help_string(action)


def positive_integer(text):
    """Return `text` as an integer of at least 1, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1, such as 40")
    return value


def seed(text):
    """Return `text` as an integer of at least 0, for argparse."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0, such as 0")
    return int(text)


def share(text):
    """Return `text` as a number above 0 and below 1, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0 and below 1, such as 0.2")
    return value


def rate(text):
    """Return `text` as a number above 0, for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0, such as 0.001")
    return value


def add_train(commands):
    """Add `train` and `predict`."""
    train = commands.add_parser(
        "train",
        help="train a model on a CSV file, report how good it is, and save it",
        description="Train a perceptron on a CSV file with a header. Columns of numbers are standardised, columns of texts "
        "become one input for each value. Part of the rows is held out and judged at the end.",
        formatter_class=Help,
    )
    train.add_argument("data", type=pathlib.Path, help="the CSV file")
    train.add_argument("--target", required=True, metavar="COLUMN", help="the column to predict")
    train.add_argument("--output", type=pathlib.Path, help="file for the model; unless said, DATA.safetensors here")
    train.add_argument("--task", choices=["auto", "classes", "values"], default="auto", help="what the target holds")
    train.add_argument("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    train.add_argument("--text", nargs="+", default=[], metavar="COLUMN", help="columns of numbers to take as texts")
    train.add_argument("--drop-missing", action="store_true", default=None, help="leave out rows with an empty cell")
    train.add_argument("--held-out", type=share, default=0.2, help="share of the rows to judge by at the end")
    train.add_argument("--hidden", type=positive_integer, nargs="*", default=[64, 64], help="widths of hidden layers")
    activations = ("relu", "gelu", "silu", "tanh", "elu", "sigmoid")
    train.add_argument("--activation", choices=activations, default="gelu", help="between the layers")
    train.add_argument("--epochs", type=positive_integer, default=300, help="times through the rows at most")
    train.add_argument("--patience", type=positive_integer, default=30, help="epochs without improvement to wait for")
    train.add_argument("--batch-size", type=positive_integer, default=32, help="rows in a step")
    train.add_argument("--learning-rate", type=rate, default=1e-3, help="of Adam")
    train.add_argument("--seed", type=seed, default=0, help="the same seed gives the same run")
    predict = commands.add_parser(
        "predict",
        help="apply a model that train saved to another CSV file",
        description="Print a CSV of predictions: the target, and for classes the probability of each.",
    )
    predict.add_argument("model", type=pathlib.Path, help="the file that train wrote")
    predict.add_argument("data", type=pathlib.Path, help="a CSV file with the same columns; the target may be missing")
    predict.add_argument("--output", type=pathlib.Path, help="a file instead of standard output")


def parser():
    """Return the parser of `python -m fastact`."""
    top = argparse.ArgumentParser(
        prog="python -m fastact", description="Activations, softmax and losses for NumPy arrays."
    )
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    demo = commands.add_parser(
        "demo",
        help="train a classifier on handwritten digits and draw what happened",
        description="Train a classifier on the handwritten digits that come with fastact, and write losses.csv, "
        "loss.png, confusion.png and misread.png. Needs NumPy alone; the pictures need matplotlib.",
        formatter_class=Help,
    )
    demo.add_argument("--epochs", type=positive_integer, default=40, help="times through the training digits")
    demo.add_argument("--seed", type=seed, default=0, help="the same seed gives the same run")
    demo.add_argument(
        "--output", type=pathlib.Path, default=pathlib.Path("demo-output"), help="folder for what is written"
    )
    add_train(commands)
    commands.add_parser(
        "info", help="print version, instruction set and threads", description="Print what fastact runs on."
    )
    return top


def main(arguments=None):
    """Run one command.

    Parameters
    ----------
    arguments : list of str, optional
        Words of the command line; None takes those of the process.

    Returns
    -------
    int
        The exit code: 0, 1 for a file that cannot be used, 2 for wrong arguments (raised by argparse as SystemExit), 130 if interrupted.
    """
    given = parser().parse_args(arguments)
    try:
        if given.command == "demo":
            from fastact._demo import run

            run(epochs=given.epochs, seed=given.seed, output=given.output)
        elif given.command in ("train", "predict"):
            from fastact import _commands

            return getattr(_commands, given.command)(given)
        else:
            import fastact

            fastact.show_runtime()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
