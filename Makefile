# Verbs for those who run or change the project. `make` alone lists them.

PORT ?= 8000
# where `make run` listens: 0.0.0.0 inside of a container whose port is published
ADDRESS ?= 127.0.0.1
# how long `make demo-traffic` goes on, and how many requests it sends at most
SECONDS ?= 30
COUNT ?= 1000
# further arguments for pytest or the benchmarks, such as ARGS="-k health"
ARGS ?=

PIN := .venv/bin/uv pip compile --quiet --upgrade --universal --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements"
# which one `make test-matrix` takes, as no Debian has a package of it
PYTHON312 ?= python3.12
# how many tests run at once: one more than there are cores, as many of them wait; each may start a PostgreSQL
WORKERS ?= $(shell cores=$$(nproc); echo $$((cores < 8 ? cores + 1 : 8)))
# a file's tests stay together; files in the order given, so that those that wait longest begin first
TESTS := .venv/bin/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

ifdef CORNER
SELECTED := -m "not slow and not one_python"
else ifdef ALL
SELECTED := -m "not readable"
else
SELECTED := -m "not slow and not readable"
endif
ifdef COVERAGE
COVERED := --cov --cov-report=
REPORT := .venv/bin/coverage report --fail-under 95
endif

# the reference project's settings need a secret key even to look at its models, and checks of Django 6 a database that opens
MANAGE := DJANGO_SECRET_KEY=not-used-to-serve DATABASE_URL=sqlite:///:memory: .venv/bin/python manage.py

# the time in what is built, so that the same commit gives the same bytes
COMMITTED_AT = SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct)

# Where ARGS select tests, one of the two runs may have none of them: pytest's exit status 5.
OR_NONE = $(if $(ARGS),|| [ $$? -eq 5 ])

# Client libraries are installed only where the environment names a service.
ifneq ($(DATABASE_URL)$(PGHOST)$(PGDATABASE)$(CACHE_URL)$(CELERY_BROKER_URL),)
SERVICES := .venv/.services
endif

# what is set for another Python (conda, ROS, ...) would break the one in .venv
unexport PYTHONHOME PYTHONPATH

.DEFAULT_GOAL := help
.PHONY: help run password demo-traffic test test-matrix test-uwsgi coverage images e2e attack secrets-rotate lint format bench wheel sbom audit digests requirements clean

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: .venv/.run $(SERVICES) ## Run the reference project on http://127.0.0.1:8000 (PORT=8001 for another port)
	@exec .venv/bin/python -m stack.serve --address $(ADDRESS) --port $(PORT)

password: .venv/.run $(SERVICES) ## Give the user admin a new generated password
	@.venv/bin/python manage.py admin_password

demo-traffic: .venv/.run ## Send a realistic mixture of requests to `make run` (SECONDS=30, COUNT=1000, PORT)
	@.venv/bin/python -m stack.demo.traffic --port $(PORT) --seconds $(SECONDS) --count $(COUNT)

test: .venv/.test ## Run the tests (ARGS="-k health"; ALL=1 for the slow ones too, COVERAGE=1 with branch coverage)
	$(TESTS) tests/integration tests/contract tests/unit tests/docs --ignore tests/unit/stack $(SELECTED) $(COVERED) $(ARGS) $(OR_NONE)
	$(TESTS) --ds tests.unit.stack.settings tests/unit/stack $(SELECTED) $(ARGS) $(OR_NONE)
	$(REPORT)

test-matrix: ## Run what depends on Python on 3.13, on 3.12, and with Django 6.0 (root; PYTHON312=/path/to/python3.12)
	.ci/debian --fresh trixie make test CORNER=1
	.ci/debian --fresh trixie sh -c 'make .venv/.test && .venv/bin/pip install --quiet "django==6.0.*" && make test CORNER=1'
	rm -rf .cache/python-3.12 && git clone --quiet . .cache/python-3.12
	$(MAKE) -C .cache/python-3.12 test CORNER=1 PYTHON=$(PYTHON312)

test-uwsgi: .venv/.test ## Compile uWSGI (a C compiler; a minute), and test what it tells of requests
	.venv/bin/pip install --quiet --require-hashes --no-deps --no-binary :all: -r requirements/uwsgi.txt
	.venv/bin/pytest tests/uwsgi $(ARGS)

coverage: ## Run all tests and report the branch coverage of django_ops
	$(MAKE) test ALL=1 COVERAGE=1

images: ## Have every image that compose.yml names: pulled, or built as a stand-in (root; starts an engine)
	@python=$$(requirements/find-python) && "$$python" -m tests.images engine && "$$python" -m tests.images build

e2e: .venv/.test ## Test the whole stack in containers (root; ARGS="--keep -k kill" leaves it up and tests a part)
	.venv/bin/pytest --numprocesses 2 tests/e2e $(ARGS)

attack: .venv/.test ## Attack the running stack with our own attackers, and print what held (root; ARGS="--only gate slow")
	@.venv/bin/python -m tests.attack $(ARGS)

secrets-rotate: ## Replace a secret of the running stack (NAME=django-secret-key, NAME=database-password)
ifeq ($(NAME),database-password)
	@docker compose run --rm --no-deps database-password
else
	@told=$$(docker compose run --rm -T secrets rotate "$(NAME)") && echo "$$told" && $${told##*: }
endif

lint: .venv/.lint ## Check style, types, layers, generated docs, migrations, workflows and shell scripts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python docs/generate.py --check
	$(MANAGE) makemigrations --check --dry-run
	.venv/bin/zizmor --offline --quiet --strict-collection .
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	.venv/bin/check-jsonschema --quiet --builtin-schema custom.github-workflows-require-timeout .github/workflows/*.yml
	.venv/bin/check-jsonschema --quiet --builtin-schema vendor.renovate .github/renovate.json
	@command -v shellcheck >/dev/null || { echo "what is left to check are shell scripts: apt-get install shellcheck" >&2; exit 1; }
	git ls-files -z | xargs -0 grep -lIE '^#!.*[/ ](ba)?sh$$' | xargs -r shellcheck

format: .venv/.lint ## Format the code and repair what ruff can
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

bench: ## Measure against the peers; makes an environment of its own (about ten minutes)
	"$$(requirements/find-python)" -m benchmarks $(ARGS)

wheel: .venv/.test ## Build the wheel into dist/, the same bytes from the same commit
	$(COMMITTED_AT) .venv/bin/python -m build --wheel --no-isolation

sbom: wheel ## List the parts of the wheel and of each image that is here, as CycloneDX, into dist/ (ARGS=NAME for another image)
	$(COMMITTED_AT) .venv/bin/python -m supply sbom $(ARGS)

audit: .venv/.audit ## Ask the index for known holes in all that is pinned
	.venv/bin/python -m supply audit $(ARGS)

digests: ## Pull the images of others and write their digests into compose.digests.yml
	@python=$$(requirements/find-python) && "$$python" -m supply digests

requirements: .venv/.pin ## Choose the newest versions that fit pyproject.toml and pin them by hash
	$(PIN) pyproject.toml --group stack -o requirements/run.txt
	$(PIN) --group services -c requirements/run.txt -o requirements/services.txt
	$(PIN) pyproject.toml --group test -c requirements/run.txt -c requirements/services.txt -o requirements/test.txt
	$(PIN) pyproject.toml --group test --group lint -c requirements/test.txt -o requirements/lint.txt
	$(PIN) pyproject.toml --all-extras -c requirements/test.txt -o requirements/wheel.txt
	$(PIN) --group audit -c requirements/lint.txt -o requirements/audit.txt
	$(PIN) pyproject.toml --group image -c requirements/test.txt -o requirements/stack.txt
	$(PIN) --group dev -c requirements/stack.txt -o requirements/dev.txt
	$(PIN) --group uwsgi -o requirements/uwsgi.txt
	$(PIN) --group build --group pin -c requirements/run.txt -o requirements/pin.txt

clean: ## Remove what was built and installed, not the data in var/
	rm -rf .venv .cache build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*

.venv/.%: requirements/%.txt pyproject.toml requirements/install.py
	@python=$$(requirements/find-python) && "$$python" requirements/install.py $*

# An environment whose interpreter has gone (the system's Python was upgraded) is made again.
ifneq ($(shell env -u PYTHONHOME .venv/bin/python -c 'print(1)' 2>/dev/null),1)
.venv/.run .venv/.services .venv/.test .venv/.lint .venv/.pin: no-interpreter
no-interpreter:
endif
