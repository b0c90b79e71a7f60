"""The command line: arguments and exit codes of `python -m fastact`. What a command does belongs in its own module."""

import argparse
import os
import pathlib
import sys


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
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    demo.add_argument("--epochs", type=positive_integer, default=40, help="times through the training digits")
    demo.add_argument("--seed", type=seed, default=0, help="the same seed gives the same run")
    demo.add_argument(
        "--output", type=pathlib.Path, default=pathlib.Path("demo-output"), help="folder for what is written"
    )
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
        The exit code: 0, 2 for wrong arguments (raised by argparse as SystemExit), 130 if interrupted.
    """
    given = parser().parse_args(arguments)
    try:
        if given.command == "demo":
            from fastact._demo import run

            run(epochs=given.epochs, seed=given.seed, output=given.output)
        else:
            import fastact

            fastact.show_runtime()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
