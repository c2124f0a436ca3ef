"""The gateway serves an OpenAPI document of its operations, and its answers are as the document says."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import msgspec
import pytest

from model import config
from tests.containers.conftest import scanner
from tests.support.openapi import operations, resolved

FUZZED_S = 40


@pytest.fixture(scope="module")
def file(service):
    """Return the document from which the image was built."""
    return service.images.source / "build/gateway/openapi.yaml"


@pytest.fixture(scope="module")
def document(file):
    return msgspec.yaml.decode(file.read_bytes())


@pytest.mark.scan
def test_the_document_is_valid(root):
    printed = subprocess.check_output([sys.executable, "-m", "serving.openapi"], cwd=root)
    done = subprocess.run([scanner("openapi-spec-validator"), "-"], input=printed, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.container
def test_it_is_served(service, http, file):
    answer = http.get(f"{service.url}/openapi.yaml")
    assert answer.headers["Content-Type"].startswith("application/yaml")
    assert answer.content == file.read_bytes()


@pytest.mark.container
def test_the_sample_of_each_model_is_answered_right_at_every_path(service, http, document):
    seen = set()
    for path, method, operation in operations(document):
        body = resolved(document, operation.get("requestBody", {})).get("content", {})
        for name, example in body.get("application/json", {}).get("examples", {}).items():
            (model,) = operation["tags"]
            answer = http.request(method, service.url + path, json=example["value"])
            assert answer.status_code == 200, answer.text
            expected = config.load(model).sample.response
            assert expected.items() <= first_prediction(answer.json()).items(), path
            seen.add((model, name))
    assert seen == {(model, name) for model in config.names() for name in ("instances", "tensor")}


def first_prediction(answer):
    """Return the outputs for the first input, of tensors only those with one value for each input."""
    if "outputs" in answer:
        return {tensor["name"]: tensor["data"][0] for tensor in answer["outputs"] if len(tensor["shape"]) == 1}
    return answer["predictions"][0]


@pytest.mark.container
def test_the_example_of_a_wrong_request_is_true(service, http, document):
    answer = http.post(f"{service.url}/predictions/mnist")
    assert answer.status_code == 400
    example = document["components"]["responses"]["Wrong"]["content"]["application/json"]["examples"]["error"]
    assert answer.json() == example["value"]


@pytest.mark.container
@pytest.mark.scan
def test_whatever_is_sent_is_answered_as_described(service, file, root, tmp_path):
    command = [scanner("schemathesis"), "--config-file", root / "tests/containers/schemathesis.toml"]
    command += ["run", file, "--url", service.url, "--continue-on-failure"]
    command += ["--seed", "1"] if "CI" in os.environ else []
    done = subprocess.run(
        [*command, "--max-time", str(FUZZED_S)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=FUZZED_S * 4,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    generated = re.search(r"(\d+) generated, \1 passed", done.stdout)
    assert generated, done.stdout[-2000:]
    assert int(generated[1]) > 500
