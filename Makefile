# The commands that people type. Needs python3 (3.11 or newer, with venv and headers), make and a C compiler; all else is
# installed into .venv. How the extension is built belongs in setup.py, which tests run in pyproject.toml.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
BUILT := $(VENV)/.built
INSTALLED := $(VENV)/.installed
C_FILES := '*.c' '*.h' '*.inc'
SOURCES := $(wildcard setup.py pyproject.toml csrc/*.* csrc/*/*.* fastact/*.pyx fastact/*.pxd fastact/*.pxi)

.PHONY: help demo test ctest bench accuracy pages lint format asan notebooks build clean

help:
	@echo "make demo       train on the handwritten digits and draw what happened into demo-output/"
	@echo "make test       every test: pytest, doctests, notebooks, the C test program   (ARGS='-k gelu' goes to pytest)"
	@echo "make ctest      the C test program alone"
	@echo "make bench      time fastact against its peers          (ARGS='...' is passed on)"
	@echo "make accuracy   sweep float32 inputs for the worst ULP   (ARGS='sigmoid' for one function)"
	@echo "make pages      write docs/activations from the table and docs/*.json   (ARGS='--bench FILE' takes in timings)"
	@echo "make lint       ruff, mypy and clang-format"
	@echo "make format     what make lint can mend by itself"
	@echo "make asan       the C test program under the address and undefined-behaviour sanitizers"
	@echo "make notebooks  write and run examples/*.ipynb from tools/notebooks.py"
	@echo "make build      build the extension in place             make clean   remove what make made"

# As fastact/__init__.py has it for the command line.
test: export OPENBLAS_NUM_THREADS := 1

demo: $(BUILT)
	$(PY) -m fastact demo $(ARGS)

test: $(BUILT) $(INSTALLED)-test
	$(PY) -m pytest -n auto --dist worksteal $(ARGS)

# pytest builds and runs the C test program too; this target is for work on csrc alone.
ctest:
	$(MAKE) -C tests/csrc test

bench: $(BUILT) $(INSTALLED)-bench
	$(PY) -m bench $(ARGS)

accuracy: $(BUILT) $(INSTALLED)-test
	$(PY) tools/accuracy.py $(ARGS)

pages: $(BUILT) $(INSTALLED)-test $(INSTALLED)-docs
	$(PY) tools/pages.py $(ARGS)

lint: $(BUILT) $(INSTALLED)-test $(INSTALLED)-lint
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	git ls-files -z $(C_FILES) | xargs -0 $(VENV)/bin/clang-format --dry-run -Werror

format: $(INSTALLED)-lint
	$(VENV)/bin/ruff check --fix --exit-zero .
	$(VENV)/bin/ruff format .
	git ls-files -z $(C_FILES) | xargs -0 $(VENV)/bin/clang-format -i

asan:
	$(MAKE) -C tests/csrc asan

notebooks: $(BUILT) $(INSTALLED)-test
	$(PY) tools/notebooks.py

build: $(BUILT)

# A path file makes the checkout importable from the environment, as an editable install would, but keeps the objects of
# unchanged sources: setuptools rebuilds everything in a temporary folder on each pip install -e.
$(BUILT): $(SOURCES) $(INSTALLED)-build
	$(PY) setup.py --quiet build_ext --inplace --parallel $(JOBS)
	@$(PY) -c "import pathlib, sysconfig; pathlib.Path(sysconfig.get_path('purelib'), 'fastact.pth').write_text(str(pathlib.Path.cwd()) + '\n')"
	@touch $@

$(INSTALLED)-%: pyproject.toml constraints.txt tools/requirements.py | $(PY)
	$(PY) tools/requirements.py $* > $(VENV)/$*.txt
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -r $(VENV)/$*.txt
	@touch $@

$(PY):
	@sh tools/prerequisites.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

clean:
	rm -rf $(VENV) build demo-output
	rm -f fastact/*.so fastact/*.c
	$(MAKE) -C tests/csrc clean
