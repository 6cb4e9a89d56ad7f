# Everything a person needs. Nothing has to be installed but a CPython 3.11 to 3.14, make and git.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup run start stop doctor receive listen token test check coverage fuzz lint format unit integration e2e template dynalite scan upgrade-test build console screenshots invoke start-api deploy smoke prune restore bench soak audit sbom lock clean

PY := .venv/bin/python
# Of the command-line tool: without STACK it is the local stack.
DEPLOYED = $(if $(STACK),--stack "$(STACK)" $(if $(PROFILE),--profile "$(PROFILE)") $(if $(REGION),--region "$(REGION)"))

help: ## show this
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## /{printf "  make %-32s %s\n", $$1, $$2}' Makefile

setup: ## make the environments (every other target does it by itself)
	@local/setup.sh

run: export PORT := $(PORT)
run: ## the whole service on this machine until Ctrl-C      PORT=4566
	@local/setup.sh
	@$(PY) -m local.run

start: ## the same without a terminal: returns when it is ready      PORT=4566 DIRECTORY=<folder for its state>
	@local/setup.sh
	@$(PY) -m local.background start --port "$(PORT)" $(if $(DIRECTORY),--directory "$(DIRECTORY)")

stop: ## end what make start or make run started      DIRECTORY=<the same folder>
	@local/setup.sh dev
	@$(PY) -m local.background stop $(if $(DIRECTORY),--directory "$(DIRECTORY)")

token: ## a token as a JSON line      WORKSPACE=<uuid> KIND=access|agent|listener ENDPOINT=<id> EXPIRES=90d STACK=<deployed stack> PROFILE=<aws profile>
	@local/setup.sh dev
	@$(PY) -m cli.main --json $(DEPLOYED) token issue --kind "$(or $(KIND),access)" \
		$(if $(EXPIRES),--expires "$(EXPIRES)") $(if $(ENDPOINT),--endpoint "$(ENDPOINT)") \
		$(if $(WORKSPACE),--workspace "$(WORKSPACE)",--new-workspace)

doctor: ## what this machine lacks for make run and make test, and what to do      PORT=4566
	@PORT="$(or $(PORT),4566)" "$$(local/find-python.sh 2>/dev/null || command -v python3)" -I local/doctor.py

receive: ## a webhook receiver on this machine that shows what comes      PORT=9000 ENDPOINT=<id> OPTIONS="--fail 0.1 --delay 2"
	@local/setup.sh dev
	@$(PY) -m cli.main receive --port "$(or $(PORT),9000)" $(if $(ENDPOINT),--endpoint "$(ENDPOINT)") $(OPTIONS)

listen: ## a socket endpoint's events as they come      ENDPOINT=<id> FORWARD=http://localhost:3000/hook AFTER=<sequence> STACK=<deployed stack>
	@local/setup.sh dev
	@$(PY) -m cli.main $(DEPLOYED) listen "$(ENDPOINT)" $(if $(FORWARD),--forward "$(FORWARD)") $(if $(AFTER),--after "$(AFTER)")

test: export PYTEST := $(PYTEST)
test: ## all that CI checks: lint, types, unit, integration, e2e, template
	@local/setup.sh
	@$(MAKE) --no-print-directory lint
	@$(PY) -m local.run_tests

check: ## the quick inner loop: style, types, imports, unit tests but for the long ones
	@local/setup.sh dev
	@$(MAKE) --no-print-directory lint
	@$(PY) -m pytest tests/unit -m "not long" -q -n auto --dist=worksteal $(PYTEST)

coverage: ## lines and branches of layers and functions that unit and integration tests run; at least 95 %
	@local/setup.sh
	@$(PY) -m pytest tests/unit tests/integration tests/contract -q -n auto --dist=worksteal --cov --cov-report=term $(PYTEST)

fuzz: ## property tests with random examples, printed as tests to paste (MINUTES=10); RULER=1: our matcher beside AWS's engine (PAIRS, SEED; needs java and mvn)
	@local/setup.sh dev
	@$(if $(RULER),$(PY) -m tests.fuzz.ruler --pairs $(or $(PAIRS),1000000) --seed $(or $(SEED),1),$(PY) -m local.fuzz --minutes "$(or $(MINUTES),10)")

lint: ## style of code and prose, types, order of imports
	@local/setup.sh dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo --no-cache
	@$(PY) -m local.prose

format: ## let ruff rewrite what it can
	@local/setup.sh dev
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

unit integration e2e template: ## one part of the tests
	@local/setup.sh
	@$(PY) -m pytest tests/$@ $(PYTEST)

mutants: ## whether a test fails when the code is changed: mutmut's changes, all or a SAMPLE      SAMPLE=200 SEED=1 SLOW=1 MODULES='webhooks/pace.py filters/*.py'
	@local/setup.sh dev
	@$(PY) -m local.mutants $(if $(SAMPLE),--sample $(SAMPLE)) $(if $(SEED),--seed $(SEED)) $(if $(SLOW),--slow) $(if $(MODULES),--modules $(foreach one,$(MODULES),'$(one)'))

dynalite: ## tests of storage against another DynamoDB (from npm; Node is fetched where there is none)
	@local/setup.sh dev
	@$(PY) -m local.dynalite $(PYTEST)

upgrade-test: ## from another release to this tree and back on a local stack under traffic: nothing is lost      FROM=<revision, without it the last tag>
	@local/setup.sh
	@UPGRADE_FROM="$(FROM)" $(PY) -m pytest tests/e2e/test_upgrade.py -q $(PYTEST)

scan: ## checkov's rules on the templates as deployed; local/scan.py lists what does not hold, with reasons
	@local/setup.sh dev sam
	@$(PY) -m local.scan

build: ## artifacts in .aws-sam/build      RUNTIME=python3.13 ARCHITECTURE=arm64
	@local/setup.sh dev sam
	@$(PY) -m local.build --architecture "$(or $(ARCHITECTURE),arm64)" $(if $(RUNTIME),--runtime "$(RUNTIME)")

console: ## build the browser console into functions/console/files (Node is fetched where there is none)
	@local/setup.sh dev
	@$(PY) -m local.console

screenshots: ## pictures of every screen of the console in .local/screenshots, of a stack with examples (needs chromium)
	@local/setup.sh
	@$(PY) -m tests.support.screenshots

invoke: ## one function under `sam local` (Docker), against the running local stack      FUNCTION=GraphqlApiFunction EVENT=events/...
	@local/setup.sh
	@$(PY) -m local.sam_local --function "$(FUNCTION)" --event "$(EVENT)"

start-api: ## the HTTP API under `sam local start-api` (Docker), against the running local stack      API_PORT=3000
	@local/setup.sh
	@$(PY) -m local.sam_local --api-port "$(or $(API_PORT),3000)"

deploy: ## build, then deploy to AWS      STACK=<name> PROFILE=<aws profile> CONFIG=production PARAMETERS='Name=value ...'
	@local/setup.sh dev sam
	@$(PY) -m local.deploy --stack "$(STACK)" --profile "$(PROFILE)" --config "$(or $(CONFIG),default)" --parameters "$(PARAMETERS)" $(if $(YES),--yes)

smoke: ## try a deployed stack as its users do, in half a minute      STACK=<name> PROFILE=<aws profile> RECEIVER=https://...
	@local/setup.sh dev
	@$(PY) -m local.smoke --stack "$(STACK)" --profile "$(PROFILE)" --receiver "$(RECEIVER)"

prune: ## remove function and layer versions that no alias needs (SnapStart bills each)      STACK=<name> PROFILE=<aws profile>
	@local/setup.sh dev
	@$(PY) -m local.prune --stack "$(STACK)" --profile "$(PROFILE)"

restore: ## bring a paused stack's configuration back to a moment      STACK=<name> TIME=2026-03-01T12:00:00Z PROFILE=<aws profile>
	@local/setup.sh dev
	@$(PY) -m local.restore --stack "$(STACK)" --time "$(TIME)" --profile "$(PROFILE)"

soak: ## ten minutes of mixed load while functions are killed: nothing may be lost, memory must stay flat      QUICK=1 for one minute
	@local/setup.sh
	@$(PY) -m benchmarks.resilience.soak --minutes $(if $(QUICK),1,10)

bench: ## measure speed, loss and cost into docs/benchmarks.md      QUICK=1 SECTION='cold_start ...'
	@local/setup.sh
	@$(PY) -m benchmarks $(if $(QUICK),--quick) $(SECTION)

audit: ## known weaknesses of all packages and browser scripts (asks PyPI and osv.dev)
	@local/setup.sh dev audit
	@$(PY) -m local.audit

sbom: ## everything of others that is deployed, in CycloneDX      FILE=.local/sbom.cdx.json
	@local/setup.sh dev
	@$(PY) -m local.sbom $(if $(FILE),--file "$(FILE)")

lock: ## resolve the dependencies anew and export the requirements of the artifacts
	@local/setup.sh dev
	@.local/env/uv/bin/uv lock $(if $(UPGRADE),--upgrade)
	@local/setup.sh
	@$(PY) -m local.build --requirements

clean: ## remove everything that was made here, the local stack's state included
	rm -rf .venv .local .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
