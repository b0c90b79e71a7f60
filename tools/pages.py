"""Writes docs/activations.md and a page and a picture for every row of the table: `make pages`.

Everything on them comes from csrc/activations.def, docs/accuracy.json and docs/bench.json, and from calling the functions.
How rows are called is in pages_rows.py, the pictures are in pages_figures.py, the figures of speed in pages_speed.py.
"""

import argparse
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tools")]

import accuracy_page  # noqa: E402
import pages_figures  # noqa: E402
import pages_rows  # noqa: E402
import pages_speed  # noqa: E402

DOCS = ROOT / "docs"
MADE = "<!-- Made by tools/pages.py (make pages); do not edit. -->\n\n"
KINDS = ("float16", "bfloat16", "float32", "float64")
SPEED_HEADER = ("cell", "fastact", "best peer", "best peer / fastact", "torch / fastact", "targets")


def table(header, lines):
    """A Markdown table."""
    rule = ["---"] * len(header)
    escaped = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in (header, rule, *escaped))


def kept(name):
    """The contents of a JSON file of docs, {} where there is none."""
    path = DOCS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _derivatives(row):
    """The table's derivative: by x, and where it says so by another operand."""
    first, *others = row.row["derivative"].split("; by ")
    lines = [f"- by x: `{first}`" if others else f"`{first}`"]
    for text in others:
        operand, _, formula = text.partition(": ")
        lines.append(f"- by {operand}: `{formula}`")
    return "\n".join(lines)


def _parameters(row):
    lines = [
        (f"`{name}`", "required" if value is None else f"`{value:g}`", "number or array, broadcast against x")
        for name, value in row.parameters.items()
    ]
    lines += [(f"`{name}`", f'here `"{value}"`', "chooses this form") for name, value in row.public[1].items()]
    return "## Parameters\n\n" + table(("name", "default", ""), lines) + "\n" if lines else ""


def _measured(accuracy, name, kind, dtype):
    line = accuracy.get(f"fastact/{name}/{kind}/{dtype}")
    return "not measured" if line is None else accuracy_page.figure(line) + ("" if line["ok"] else " **missed**")


def _dtypes(row, accuracy):
    """Which dtype comes out for which, how it is computed, and how accurate the result is."""
    groups = {}
    for dtype in pages_rows.DTYPES:
        result = row.result_dtype(dtype)
        kept_dtype = result == dtype and dtype not in KINDS
        groups.setdefault("the same" if kept_dtype else result, []).append(dtype)
    lines = []
    for result, dtypes in groups.items():
        inside = {"float16": "float32", "bfloat16": "float32"}.get(result, result)
        errors = [_measured(accuracy, row.name, kind, result) for kind in ("value", "derivative")]
        lines.append((", ".join(dtypes), result, inside, *(errors if result in KINDS else ("exact", "-"))))
    return table(("x", "result", "computed in", "value, worst ULP", "derivative, worst ULP"), lines)


def _accuracy(row, accuracy):
    lines = [
        (f"{dtype}, {accuracy_page.label(line)}", *accuracy_page.cells(accuracy, line))
        for dtype in KINDS
        for line in accuracy.values()
        if (line["library"], line["name"], line["dtype"]) == ("fastact", row.name, dtype) and not line["isa"]
    ]
    if not lines:
        return 'Not measured yet: `make accuracy ARGS="--page ' + row.name + '"`.\n'
    header = ("", "fastact", "bound", "at", "inputs", *accuracy_page.PEERS)
    return table(header, lines) + "\n[What these figures are](../accuracy.md).\n"


def _speed(row, bench):
    lines = [pages_speed.row(label, figures) for label, figures in pages_speed.lines(bench, row.name)]
    if not lines:
        return "Not measured yet: `make bench`.\n"
    machine = f"float32, one thread, results into given buffers, on {bench['machine']['processor']}"
    return f"{machine}. Ratios above 1: fastact is faster.\n\n" + table(SPEED_HEADER, lines)


def _example(row):
    """Lines for doctest, with what they print."""
    import numpy as np

    x = np.array(row.points)
    call, vjp = row.example(), row.example(is_vjp=True)
    namespace = {"np": np, "x": x, "fa": __import__("fastact")}
    lines = [">>> import numpy as np", ">>> import fastact as fa", f">>> x = np.array({row.points})"]
    lines += [f">>> {call}.round(4).tolist()", str(eval(call, namespace).round(4).tolist())]
    result = eval(vjp, namespace)
    if isinstance(result, tuple):
        names = "dx, " + ("dgate" if row.is_gated else "d" + next(iter(row.parameters)))
        lines += [f">>> {names} = {vjp}", f">>> {names.split(', ')[1]}.round(4).tolist()"]
        lines += [str(result[1].round(4).tolist())]
    else:
        lines += [f">>> {vjp}.round(4).tolist()", str(result.round(4).tolist())]
    return "```python\n" + "\n".join(lines) + "\n```\n"


def page(row, accuracy, bench):
    """The text of one row's page."""
    aliases = f"Also called {', '.join(f'`fa.{alias}`' for alias in row.aliases)}. " if row.aliases else ""
    calls = "\n".join(row.signature(is_vjp) for is_vjp in (False, True))
    return (
        f"# {row.title}\n\n{MADE}{row.row['summary']} {aliases}[All activations](../activations.md)\n\n"
        f"`{row.row['formula']}`\n\n![{row.title} and its derivative]({row.title}.svg)\n\n"
        f"## Derivative\n\n{_derivatives(row)}\n\n## Signature\n\n```python\n{calls}\n```\n\n{_parameters(row)}"
        f"## Example\n\n{_example(row)}\n## Dtypes\n\n{_dtypes(row, accuracy)}\n"
        f"## Accuracy\n\n{_accuracy(row, accuracy)}\n## Speed\n\n{_speed(row, bench)}\n## Source\n\n{row.row['source']}.\n"
    )


def overview(rows, accuracy, bench):
    """The text of docs/activations.md."""
    lines = []
    for row in rows:
        speed = {label: pages_speed.ratio_of(label, figures) for label, figures in pages_speed.lines(bench, row.name)}
        ratios = [f"{speed[shown[0]]:.2f}" if speed.get(shown[0]) else "-" for shown in pages_speed.SHOWN]
        errors = [_measured(accuracy, row.name, kind, "float32") for kind in ("value", "derivative")]
        lines.append((f"[{row.title}](activations/{row.title}.md)", f"`{row.row['formula']}`", *errors, *ratios))
    header = ("function", "value", "ULP", "derivative, ULP", "1,024", "65,536", "derivative, 65,536")
    return (
        f"# Activations\n\n{MADE}"
        "Thick: the function; thin: its derivative. Each name leads to a page with parameters, derivative, dtypes, accuracy, speed\n"
        "and source.\n\n![all activations](activations/all.svg)\n\n"
        "ULP: the worst error found in float32 ([accuracy.md](accuracy.md)). The last three columns are ratios, best peer's time\n"
        "over fastact's at so many elements; for the derivative torch's backward kernel's time over fastact's.\n\n"
        + table(header, lines)
    )


def texts():
    """{path under docs: its text} of all pages."""
    rows, accuracy, bench = pages_rows.all_rows(), kept("accuracy.json"), kept("bench.json")
    made = {f"activations/{row.title}.md": page(row, accuracy, bench) for row in rows}
    return made | {"activations.md": overview(rows, accuracy, bench)}


def pictures():
    """{path under docs: (rows shown, function that draws them)}."""
    rows = pages_rows.all_rows()
    made = {
        f"activations/{row.title}.svg": ([row], lambda path, row=row: pages_figures.draw_one(path, row)) for row in rows
    }
    return made | {"activations/all.svg": (rows, lambda path: pages_figures.draw_all(path, rows))}


def stray():
    """Files of docs/activations that belong to no row."""
    return sorted(set((DOCS / "activations").glob("*")) - {DOCS / name for name in (*texts(), *pictures())})


def main(arguments=None):
    """Write what is not as it should be, and name it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=pathlib.Path, help="a result file of make bench: makes docs/bench.json of it")
    parser.add_argument("--redraw", action="store_true", help="draw pictures whose curves have not changed, too")
    options = parser.parse_args(arguments)
    (DOCS / "activations").mkdir(exist_ok=True)
    if options.bench:
        (DOCS / "bench.json").write_text(json.dumps(pages_speed.condense(options.bench), indent=1) + "\n")
    for path in stray():
        print(f"removed {path.name}")
        path.unlink()
    for name, text in texts().items():
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text:
            print(f"wrote {name}")
            (DOCS / name).write_text(text, encoding="utf-8")
    for name, (rows, draw) in pictures().items():
        if options.redraw or pages_figures.is_stale(DOCS / name, rows):
            print(f"drew {name}")
            draw(DOCS / name)


if __name__ == "__main__":
    main()
