"""Write and run examples/<name>.ipynb and <name>.ko.ipynb from examples/<name>.source.md. Usage: tools/notebooks.py

The two notebooks share their code and differ in their text. Texts and code belong in the source, not here.
"""

import pathlib
import re
import sys

import nbformat
from nbclient import NotebookClient

EXAMPLES = pathlib.Path(__file__).parents[1] / "examples"
LANGUAGES = {"en": "", "ko": ".ko"}


def read_source(path):
    """Return (kind, text) for every cell of a source file, kind being "python" or a language."""
    parts = re.split(r"^%% (\w+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    cells = [(kind, text.strip()) for kind, text in zip(parts[::2], parts[1::2], strict=True)]
    unknown = {kind for kind, _ in cells} - {"python", *LANGUAGES}
    if unknown:
        sys.exit(f"{path.name}: cells of unknown kind {sorted(unknown)}; known are python, {', '.join(LANGUAGES)}")
    return cells


def make_notebook(cells, language):
    """Return the notebook of one language, not yet run. Cell ids count from 0, so that twins differ in text alone."""
    notebook = nbformat.v4.new_notebook()
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata["language_info"] = {"name": "python"}
    for kind, text in cells:
        if kind in ("python", language):
            make = nbformat.v4.new_code_cell if kind == "python" else nbformat.v4.new_markdown_cell
            notebook.cells.append(make(text, id=f"cell-{len(notebook.cells)}"))
    return notebook


def run_notebook(notebook):
    """Run every cell in place and drop what differs from run to run without meaning anything."""
    where = {"metadata": {"path": str(EXAMPLES)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", coalesce_streams=True, resources=where).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def main():
    """Write every notebook of examples/."""
    for source in sorted(EXAMPLES.glob("*.source.md")):
        cells = read_source(source)
        for language, suffix in LANGUAGES.items():
            path = EXAMPLES / f"{source.name.removesuffix('.source.md')}{suffix}.ipynb"
            nbformat.write(run_notebook(make_notebook(cells, language)), path)
            print(f"wrote {path.relative_to(EXAMPLES.parent)}")


if __name__ == "__main__":
    main()
