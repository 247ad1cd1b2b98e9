# make run      install into .venv and start the phone system with its demo accounts
# make install  install only; then .venv/bin/wsphone
# make test     everything that has to hold, with real programs
# make screenshots   make the pictures of the README anew
# make clean    forget .venv

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check install

# The tests start our programs by the hundred, which is no time to compile them again and again.
unexport PYTHONDONTWRITEBYTECODE

CROWDS := tests/end_to_end/test_loss.py tests/end_to_end/test_matrix.py

.PHONY: run install test lint unit page end-to-end screenshots needs clean

run: install
	$(BIN)/wsphone run --demo

install: .venv/installed

# The calls have the machine to themselves: real programs that are late with their sound sound bad.
test: lint needs
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target unit page
	$(MAKE) --no-print-directory end-to-end

lint: .venv/test-installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

unit: needs
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile \
		--ignore=tests/end_to_end --ignore=tests/web

# Where dozens of telephones talk, nothing else has room. Of the others two at a time, each in a
# network of its own: they wait for rings and for speech.
end-to-end: needs
	tests/end_to_end/namespace.sh $(BIN)/pytest $(CROWDS)
	$(BIN)/pytest tests/end_to_end $(CROWDS:%=--ignore=%) --dist loadfile --no-loadscope-reorder \
		--tx "2*popen//python=tests/end_to_end/namespace.sh $(BIN)/python"

page: needs
	tests/end_to_end/namespace.sh $(BIN)/pytest tests/web

screenshots: needs
	tests/end_to_end/namespace.sh $(BIN)/pytest tests/end_to_end/test_first_run.py
	cp build/screenshots/*.png docs/screenshots/

needs: .venv/test-installed build/node/installed
	PYTHON=$(BIN)/python tests/install-needs

clean:
	rm -rf .venv

.venv/installed: pyproject.toml setup.py $(wildcard media/*.pyx media/*.pxd)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

# gcc and Python's headers come first: pesq is built from source
.venv/test-installed: .venv/installed
	PYTHON=$(BIN)/python tests/install-needs
	$(PIP) --editable '.[test]'
	touch $@

# what checks the page; here, because the end-to-end tests run where nothing can be fetched
build/node/installed: tests/web/package.json tests/web/package-lock.json | .venv/test-installed
	mkdir -p $(@D)
	cp $^ $(@D)
	cd $(@D) && npm ci --ignore-scripts --no-audit --no-fund
	touch $@
