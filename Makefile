# Everything is installed into .venv, from hashed locks; nothing is needed but make and Python 3.11 or later.
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PYTHONS := python3.11 python3.12 python3.13 python3.14 python3 python
# Half as many again as there are cores, because many tests wait for processes of their own.
WORKERS = $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 ))
BROWSERS := chromium chromium-browser google-chrome
LOCK := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	--annotation-style=line --build-deps-for=editable

# The sessions of the tests take every way, give every answer, and run every variant of the protocol.
COVERED := --parity-report=.parity/coverage.html --parity-fail-under-edges=100 \
	--parity-fail-under-answers=100 --parity-fail-under-variants=100

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test coverage check browser format docs bench reliability lock clean

help: ## Say what can be made
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-15s %s\n", $$1, $$2}'

demo: $(VENV)/.run ## Hold a whole deliberation, scripted and offline; its reports go to ./reports
	@$(BIN)/virtual-agora run "Should a city of 200,000 make its public transport free?" \
		--provider offline --yes --reports-dir reports

test: check browser ## Check format, style, types and layering, and run all tests
	$(BIN)/pytest -n $(WORKERS) $(COVERED)
	cd parity && ../$(BIN)/pytest -n $(WORKERS)

# Watching every line takes half as long again as the tests alone.
coverage: $(VENV)/.dev browser ## Run the application's tests, and say which of its lines they never reach
	$(BIN)/pytest -n $(WORKERS) --cov

# The tests look at the HTML report in a real browser, and print it, for which WeasyPrint needs the library Pango.
browser: $(VENV)/.dev
	@missing=; \
	for name in $(BROWSERS) none; do command -v $$name >/dev/null && break; done; \
	if [ $$name = none ]; then missing="chromium"; fi; \
	$(BIN)/python -c 'import weasyprint' 2>/dev/null || missing="$$missing libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing for the tests: $$missing"; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends $$missing >/dev/null; \
	else \
		echo "The tests need a browser (one of $(BROWSERS)) and the library Pango." >&2; \
		echo "Install them (on Debian and Ubuntu: apt install $$missing) and run make again." >&2; \
		exit 1; \
	fi

check: $(VENV)/.dev ## Check format, style, types and layering only
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd parity && ../$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## Put the code into the house format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## Make the generated pages and the picture again
	$(BIN)/python -m docs.generate

bench: $(VENV)/.dev ## Measure how close to the limit it comes, beside others
	$(BIN)/python -m benchmarks

reliability: $(VENV)/.dev ## Prove what is promised: kill, fail, lengthen and multiply sessions (takes long)
	$(BIN)/python -m reliability

lock: $(VENV)/.dev ## Resolve the dependencies anew, within what pyproject.toml allows
	$(PIP) install 'pip-tools==7.6.*'
	$(LOCK) --upgrade --extra all --extra dev --output-file requirements/dev.txt pyproject.toml
	$(LOCK) --upgrade --constraint requirements/dev.txt --output-file requirements/run.txt pyproject.toml

clean: ## Remove what was installed and what tools have left behind; sessions and reports stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov .peers

# The interpreter is asked, not its name: a name may be a shim, too old, or lack the venv module.
$(BIN)/python:
	@for python in $(PYTHONS); do \
		if $$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Creating $(VENV) with $$($$python --version)"; \
			exec $$python -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "Virtual Agora needs Python 3.11 or later with its venv module, and found none." >&2; \
	echo "Install one (on Debian and Ubuntu: apt install python3 python3-venv) and run make again." >&2; \
	exit 1

# run.txt holds a part of what dev.txt holds, in the same versions, so the larger one serves both.
$(VENV)/.run: requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing Virtual Agora into $(VENV)"
	@$(PIP) install --require-hashes --no-deps -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt pyproject.toml parity/pyproject.toml | $(BIN)/python
	@echo "Installing Virtual Agora and the development tools into $(VENV)"
	@$(PIP) install --require-hashes --no-deps -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable . --editable parity
	@touch $(VENV)/.run $@
