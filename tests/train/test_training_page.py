"""docs/training.md tells the truth: its programs print what they say, its signatures are those of the code."""

import contextlib
import inspect
import io
import pathlib
import re

import training_page

from fastact import train

PAGE = training_page.PAGE.read_text(encoding="utf-8")


def test_the_programs_print_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = "\n".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL))
    said = re.findall(r"^print\(.*\)  # (.+)$", program, re.MULTILINE)
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(program, "training.md", "exec"), {"__name__": "__main__"})
    assert printed.getvalue().splitlines() == said and len(said) >= 3
    assert train.Trainer.load("digits.safetensors", callbacks=()).epoch == 25


def test_the_signatures_are_those_of_the_code():
    found = re.findall(r"^\| `(\w+)(\(.*?\))` \|", PAGE, re.MULTILINE)
    assert len(found) == 4
    for name, signature in found:
        assert str(inspect.signature(getattr(train, name))).replace("'", '"') == signature.replace("'", '"')


def test_tables_are_put_between_their_comments():
    text = training_page.put("a\n<!-- measured: x -->\nold\n<!-- end -->\nb\n<!-- end -->", "x", "| new |")
    assert (
        "old" not in text
        and text.startswith("a\n<!-- measured: x -->\n| new |\n\nMeasured by")
        and text.count("end") == 2
    )


def test_both_tables_were_measured():
    for name in ("estimators", "deployment"):
        assert re.search(rf"<!-- measured: {name} -->\n.*\| *\d.*<!-- end -->", PAGE, re.DOTALL)
    assert pathlib.Path(training_page.PAGE.parent.parent, "examples", "deploy.py").exists()
