# Runs under GNU make and BSD make alike: POSIX syntax only.
# What `make demo` and `make test` need is looked for first (prerequisites.sh), and they write to
# nothing but this checkout and temporary directories of their own.
#
# Programs of the venv are run by its python -m: the first line of a script holds no long path and
# none with blanks, and the path of this checkout may be both.

PYTHON = python3
VENV = .venv
IN_VENV = $(VENV)/bin/python -m
LOOK = sh prerequisites.sh "$(PYTHON)" "$(VENV)"
# More workers than cores: most tests wait for a daemon.
PYTEST_FLAGS = -q -n 7 --dist worksteal

# Where `make install` puts things: below DESTDIR, which a package is built from.
DESTDIR =
PREFIX = /usr/local
MANDIR = $(PREFIX)/share/man
TO = "$(DESTDIR)$(PREFIX)"
LIB = "$(DESTDIR)$(PREFIX)/lib/hammerd"
NOTIFY = mail webhook apprise heartbeat

.NOTPARALLEL:
.PHONY: demo test check needs needs-of-tests lint man-lint types bench \
    install install-program install-service uninstall clean

demo: needs $(VENV)/.has-cli
	$(IN_VENV) hammerd.cli.main demo

test: needs-of-tests $(VENV)/.has-test
	$(IN_VENV) pytest $(PYTEST_FLAGS)

check: lint types test

# First of all, so that it is said at once and in one line.
needs:
	@$(LOOK)

needs-of-tests:
	@$(LOOK) ps

lint: $(VENV)/.has-dev man-lint
	$(IN_VENV) ruff format --check .
	$(IN_VENV) ruff check .

# What mandoc says of DragonFly's own pages, which are elsewhere, is no fault of ours.
man-lint:
	@if command -v mandoc >/dev/null 2>&1; then \
	    found=`mandoc -Tlint docs/*.[1-9] 2>/dev/null | grep -v 'referenced manual not found'`; \
	    if [ -n "$$found" ]; then echo "$$found" >&2; exit 1; fi; \
	else \
	    echo "man-lint: NOT DONE, mandoc is not installed: nobody looked at docs/*.[1-9]" >&2; \
	fi

types: $(VENV)/.has-dev
	$(IN_VENV) mypy --platform linux
	$(IN_VENV) mypy --platform dragonfly

bench: $(VENV)/.has-test
	$(IN_VENV) bench

# All of it is readable by everybody, whatever the umask of who installs it.
install: install-program install-service

# A directory of its own: what an older release had and this one has not is gone, and no module
# path of the system decides whether the program finds it. The libraries come from packages:
# psutil's own release does not build on DragonFly.
install-program:
	umask 022; rm -rf $(LIB) && mkdir -p $(LIB) $(TO)/bin
	umask 022; find hammerd -name '*.py' -o -name '*.txt' -o -path 'hammerd/web/static/*' -type f | \
	    while read -r file; do \
	    mkdir -p $(LIB)/"`dirname "$$file"`" && cp "$$file" $(LIB)/"$$file" || exit 1; \
	done
	sed 's|/usr/local|$(PREFIX)|g' hammerd/core/paths.py > $(LIB)/hammerd/core/paths.py
	$(PYTHON) -m compileall -q -s "$(DESTDIR)" $(LIB)
	chmod -R u+w,go-w,a+rX $(LIB)
	umask 022; rm -f $(TO)/bin/hammerd; $(PYTHON) etc/make-program.py > $(TO)/bin/hammerd
	chmod 755 $(TO)/bin/hammerd
	umask 022; mkdir -p $(TO)/libexec; rm -f $(TO)/libexec/hammerd-rsh
	$(PYTHON) etc/make-program.py hammerd.rsh > $(TO)/libexec/hammerd-rsh
	chmod 755 $(TO)/libexec/hammerd-rsh

# The samples are ours and replaced; the config is its owner's, as are his own commands beside ours.
install-service:
	umask 022; mkdir -p $(TO)/etc/rc.d $(TO)/etc/newsyslog.conf.d $(TO)/etc/periodic/daily
	rm -f $(TO)/etc/rc.d/hammerd
	sed 's|/usr/local|$(PREFIX)|g' rc.d/hammerd > $(TO)/etc/rc.d/hammerd
	chmod 555 $(TO)/etc/rc.d/hammerd
	rm -f $(TO)/etc/rc.d/hammerd_web
	sed 's|/usr/local|$(PREFIX)|g' rc.d/hammerd_web > $(TO)/etc/rc.d/hammerd_web
	chmod 555 $(TO)/etc/rc.d/hammerd_web
	rm -f $(TO)/etc/periodic/daily/480.hammerd
	sed 's|/usr/local|$(PREFIX)|g' etc/periodic/daily/480.hammerd > $(TO)/etc/periodic/daily/480.hammerd
	chmod 555 $(TO)/etc/periodic/daily/480.hammerd
	umask 022; mkdir -p $(TO)/share/bash-completion/completions $(TO)/share/zsh/site-functions \
	    $(TO)/share/fish/vendor_completions.d $(TO)/share/hammerd
	install -m 444 etc/completion/hammerd.bash $(TO)/share/bash-completion/completions/hammerd
	install -m 444 etc/completion/_hammerd $(TO)/share/zsh/site-functions/_hammerd
	install -m 444 etc/completion/hammerd.fish $(TO)/share/fish/vendor_completions.d/hammerd.fish
	install -m 444 etc/completion/hammerd.tcsh $(TO)/share/hammerd/hammerd.tcsh
	install -m 444 etc/newsyslog.conf.d/hammerd.conf $(TO)/etc/newsyslog.conf.d/hammerd.conf
	sed 's|/usr/local|$(PREFIX)|g' etc/hammerd.toml.sample > $(TO)/etc/hammerd.toml.sample.new
	chmod 444 $(TO)/etc/hammerd.toml.sample.new
	mv -f $(TO)/etc/hammerd.toml.sample.new $(TO)/etc/hammerd.toml.sample
	umask 022; mkdir -p $(TO)/etc/hammerd/notify.d
	python=`$(PYTHON) -c 'import sys; print(sys.executable)'`; \
	for name in $(NOTIFY); do \
	    to=$(TO)/etc/hammerd/notify.d/$$name; \
	    sed -e 's|/usr/local|$(PREFIX)|g' -e "s|:=python3}|:=$$python}|" \
	        etc/hammerd/notify.d/$$name > "$$to.new" && \
	    chmod 555 "$$to.new" && mv -f "$$to.new" "$$to" || exit 1; \
	done
	rm -rf $(TO)/share/examples/hammerd/monitoring
	umask 022; (cd etc && find monitoring -type f) | while read -r file; do \
	    to=$(TO)/share/examples/hammerd/"$$file"; mkdir -p "`dirname "$$to"`" && \
	    sed 's|/usr/local|$(PREFIX)|g' etc/"$$file" > "$$to" && chmod 444 "$$to" || exit 1; \
	done
	for page in docs/*.[1-9]; do \
	    to="$(DESTDIR)$(MANDIR)/man$${page##*.}"; \
	    (umask 022; mkdir -p "$$to") && \
	    sed 's|/usr/local|$(PREFIX)|g' "$$page" > "$$to/.new" && chmod 444 "$$to/.new" && \
	    mv -f "$$to/.new" "$$to/$${page##*/}" || exit 1; \
	done

# Config, state and logs are their owner's, and stay.
uninstall:
	rm -rf $(LIB)
	rm -f $(TO)/bin/hammerd $(TO)/libexec/hammerd-rsh $(TO)/etc/rc.d/hammerd $(TO)/etc/rc.d/hammerd_web
	rm -f $(TO)/etc/newsyslog.conf.d/hammerd.conf
	rm -f $(TO)/etc/hammerd.toml.sample $(TO)/etc/periodic/daily/480.hammerd
	rm -f $(TO)/share/bash-completion/completions/hammerd $(TO)/share/zsh/site-functions/_hammerd
	rm -f $(TO)/share/fish/vendor_completions.d/hammerd.fish
	rm -rf $(TO)/share/hammerd $(TO)/share/examples/hammerd
	for name in $(NOTIFY); do rm -f $(TO)/etc/hammerd/notify.d/$$name; done
	rmdir $(TO)/etc/hammerd/notify.d $(TO)/etc/hammerd 2>/dev/null || :
	for page in docs/*.[1-9]; do \
	    rm -f "$(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}"; \
	done

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The demo needs neither pytest nor the linters, and DragonFly has no ruff to install.
$(VENV)/.has-cli $(VENV)/.has-test $(VENV)/.has-dev: pyproject.toml $(VENV)/bin/python
	$(IN_VENV) pip install --quiet --disable-pip-version-check --cache-dir $(VENV)/cache \
	    -e ".[`echo $@ | sed 's/.*has-//'`]"
	touch $@
	case $@ in *dev) touch $(VENV)/.has-test ;; esac

# psutil's own release does not build on DragonFly; DPorts' patched one is seen through the venv.
$(VENV)/bin/python:
	@$(LOOK)
	case `uname -s` in DragonFly) see=--system-site-packages ;; *) see= ;; esac; \
	$(PYTHON) -m venv $$see $(VENV)
