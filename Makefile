PYTHON ?= python3
BIN := .venv/bin
SCIENCE := .venv-science/bin
SECONDS ?= 60
RUNS ?= 20
# Most tests wait for processes: one more than there are cores.
PROCESSES ?= $(shell $(PYTHON) -c "import os; print(min(4, 1 + os.cpu_count()))")

QUICK := tests/unit tests/model tests/property/test_codecs.py tests/chaos/test_judge.py \
	tests/simulation/test_truth.py tests/contract/test_time_travel.py \
	tests/contract/test_stores.py::TestMemoryStore

.PHONY: demo test quick science check format bench chaos simulate pictures diagrams house docs openapi clean

demo: $(BIN)/interlock
	$(BIN)/interlock demo

test: $(BIN)/interlock
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder

# What needs no server, no browser and no worker; of raw SQL, the plain connection.
quick: $(BIN)/interlock
	INTERLOCK_TEST_POSTGRES=none $(BIN)/python -m pytest --numprocesses $(PROCESSES) \
		-k 'not postgres and not no-checks and not recursive and not claim_cost' \
		$(QUICK)

science: $(SCIENCE)/interlock
	$(SCIENCE)/python -m pytest tests/science

check: $(BIN)/interlock
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(BIN)/interlock
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BIN)/interlock $(SCIENCE)/interlock
	$(BIN)/python bench/throughput.py
	$(SCIENCE)/python bench/science.py
	$(BIN)/python bench/claims.py
	$(BIN)/python bench/ticks.py
	$(BIN)/python bench/family.py
	$(BIN)/python bench/web.py

chaos: $(BIN)/interlock
	INTERLOCK_CHAOS_SECONDS=$(SECONDS) $(BIN)/python -m pytest -s tests/chaos

simulate: $(BIN)/interlock
	cd tests && ../$(BIN)/python -m simulation.many --runs $(RUNS)

pictures: $(BIN)/interlock
	INTERLOCK_PICTURES=1 $(BIN)/python -m pytest tests/browser/test_access.py
	$(BIN)/python diagrams/cancel.py --write docs/pictures/cancel.svg

diagrams: $(BIN)/interlock
	$(BIN)/interlock diagram --write diagrams

house: $(BIN)/interlock
	$(BIN)/python diagrams/house.py --write diagrams/house.md

docs: $(BIN)/interlock
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html; its search needs: python3 -m http.server -d site"

openapi: $(BIN)/interlock
	$(BIN)/python -m interlock_adapters.http.openapi docs/openapi.json

$(BIN)/interlock: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

$(SCIENCE)/interlock: pyproject.toml constraints.txt constraints-science.txt
	$(PYTHON) -m venv .venv-science
	$(SCIENCE)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -c constraints-science.txt -e '.[dev,science]'
	touch $@

clean:
	rm -rf .venv .venv-science site
