"""Print requirements that pyproject.toml already states, one a line, for pip install -r.

Usage: python tools/requirements.py build test ...   (build: what setup.py needs; other words: names of extras)
"""

import pathlib
import sys
import tomllib


def requirements(words: list[str]) -> list[str]:
    """Return the requirements behind each word, and what fastact itself needs, without repetition."""
    pyproject = tomllib.loads(pathlib.Path(__file__).parents[1].joinpath("pyproject.toml").read_text(encoding="utf-8"))
    extras = pyproject["project"]["optional-dependencies"]
    known = {"build": pyproject["build-system"]["requires"], **extras}
    found = list(pyproject["project"]["dependencies"])
    for word in words:
        if word not in known:
            sys.exit(f"requirements.py: no list is called {word!r}; there are {', '.join(sorted(known))}")
        found += known[word]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))
