# Runs under GNU make and BSD make alike: POSIX syntax only.
# `make demo` and `make test` need nothing but Python (3.11 or newer) and a way to install packages.

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
PYTEST_FLAGS = -q -n 4 --dist worksteal

.PHONY: demo test check lint types bench clean

demo: $(STAMP)
	$(BIN)/hammerd demo

test: $(STAMP)
	$(BIN)/pytest $(PYTEST_FLAGS)

check: lint types test

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy --platform linux
	$(BIN)/mypy --platform dragonfly

bench: $(STAMP)
	$(BIN)/python -m bench

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# psutil's own release does not build on DragonFly; DPorts' patched one is seen through the venv.
$(STAMP): pyproject.toml
	case `uname -s` in DragonFly) see=--system-site-packages ;; *) see= ;; esac; \
	$(PYTHON) -m venv $$see $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(STAMP)
