# Runs under GNU make and BSD make alike: POSIX syntax only.
# `make demo` and `make test` need nothing but Python (3.11 or newer) and a way to install packages.

PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
STAMP = $(VENV)/.installed
PYTEST_FLAGS = -q -n 4 --dist worksteal

# Where `make install` puts things: below DESTDIR, which a package is built from.
DESTDIR =
PREFIX = /usr/local
MANDIR = $(PREFIX)/share/man
TO = "$(DESTDIR)$(PREFIX)"

.PHONY: demo test check lint man-lint types bench install install-program install-service clean

demo: $(STAMP)
	$(BIN)/hammerd demo

test: $(STAMP)
	$(BIN)/pytest $(PYTEST_FLAGS)

check: lint types test

lint: $(STAMP) man-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# What mandoc says of DragonFly's own pages, which are elsewhere, is no fault of ours.
man-lint:
	@if command -v mandoc >/dev/null 2>&1; then \
	    found=`mandoc -Tlint docs/*.[1-9] 2>/dev/null | grep -v 'referenced manual not found'`; \
	    if [ -n "$$found" ]; then echo "$$found" >&2; exit 1; fi; \
	else \
	    echo "man-lint: NOT DONE, mandoc is not installed: nobody looked at docs/*.[1-9]" >&2; \
	fi

types: $(STAMP)
	$(BIN)/mypy --platform linux
	$(BIN)/mypy --platform dragonfly

bench: $(STAMP)
	$(BIN)/python -m bench

install: install-program install-service

# The libraries come from packages: psutil's own release does not build on DragonFly.
install-program:
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-deps --ignore-installed \
	    --no-warn-script-location --root "$(DESTDIR)/" --prefix "$(PREFIX)" .

# The sample is ours and replaced; the config is its owner's, and nothing here touches it.
install-service:
	install -d $(TO)/etc/rc.d $(TO)/etc/newsyslog.conf.d
	rm -f $(TO)/etc/rc.d/hammerd
	sed 's|/usr/local|$(PREFIX)|g' rc.d/hammerd > $(TO)/etc/rc.d/hammerd
	chmod 555 $(TO)/etc/rc.d/hammerd
	install -m 444 etc/newsyslog.conf.d/hammerd.conf $(TO)/etc/newsyslog.conf.d/hammerd.conf
	install -m 444 etc/hammerd.toml.sample $(TO)/etc/hammerd.toml.sample
	for page in docs/*.[1-9]; do \
	    [ -f "$$page" ] || continue; \
	    to="$(DESTDIR)$(MANDIR)/man$${page##*.}"; \
	    install -d "$$to" && install -m 444 "$$page" "$$to" || exit 1; \
	done

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# psutil's own release does not build on DragonFly; DPorts' patched one is seen through the venv.
$(STAMP): pyproject.toml
	case `uname -s` in DragonFly) see=--system-site-packages ;; *) see= ;; esac; \
	$(PYTHON) -m venv $$see $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $(STAMP)
