"""docs/openapi.yaml describes the gateway's operations, all of them and no others."""

from __future__ import annotations

import os
import re
import subprocess

import pytest
import yaml

from tests.containers.conftest import scanner

FUZZED_S = 40
PAGE = "/"  # the page to draw on is not for programs


@pytest.fixture(scope="module")
def document(root):
    return yaml.safe_load((root / "docs/openapi.yaml").read_text())


def operations(document):
    for path, item in document["paths"].items():
        for method in item.keys() - {"parameters"}:
            yield path.replace("{version}", "1.0"), method, item[method]


def resolved(document, node):
    """Follow a $ref."""
    for key in node.get("$ref", "#").split("/")[1:]:
        node = document if node.get("$ref") else node
        node = node[key]
    return node


def examples(content):
    return content.get("application/json", {}).get("examples", {}).items()


@pytest.mark.scan
def test_the_document_is_valid(root):
    done = subprocess.run(
        [scanner("openapi-spec-validator"), root / "docs/openapi.yaml"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gateway_lets_through_what_is_described_and_nothing_else(root, document):
    found = re.findall(
        r"^ +location (=|~)? ?(\S+) {(?!\n +internal)", (root / "docker/gateway/nginx.conf").read_text(), re.M
    )
    patterns = {where: where if kind == "~" else f"^{re.escape(where)}$" for kind, where in found if where != PAGE}
    paths = {path for path, _, _ in operations(document)}
    for path in paths:
        assert sum(bool(re.search(pattern, path)) for pattern in patterns.values()) == 1, path
    for where, pattern in patterns.items():
        assert any(re.search(pattern, path) for path in paths), where


def test_its_errors_are_those_of_the_gateway(root, document):
    sentences = set(re.findall(r'"([^"]*)";', (root / "docker/gateway/error_messages.conf").read_text()))
    for name, response in document["components"]["responses"].items():
        for _, example in examples(response["content"]):
            sentence = example["value"].get("error")
            assert sentence is None or name == "Wrong" or sentence in sentences


@pytest.mark.container
def test_it_is_served(service, http, root):
    answer = http.get(f"{service.url}/openapi.yaml")
    assert answer.headers["Content-Type"].startswith("application/yaml")
    assert answer.content == (root / "docs/openapi.yaml").read_bytes()


@pytest.mark.container
def test_its_examples_are_true(service, http, document):
    seen = set()
    for path, method, operation in operations(document):
        asked = resolved(document, operation.get("requestBody", {})).get("content", {})
        answered = resolved(document, operation["responses"]["200"]).get("content", {})
        bodies, expected = dict(examples(asked)), dict(examples(answered))
        for name in bodies.keys() & expected.keys():
            answer = http.request(method, service.url + path, json=bodies[name]["value"])
            assert_alike(answer.json(), expected[name]["value"])
            seen.add(name)
    assert seen == {"instances", "tensor", "twoPairs"}


def assert_alike(answer, example):
    """Compare with the example: the same but for the probabilities, which each training makes a little other."""
    if isinstance(example, dict):
        assert list(answer) == list(example)
        for key in example:
            assert_alike(answer[key], example[key])
    elif isinstance(example, list):
        assert len(answer) == len(example)
        for one, other in zip(answer, example, strict=True):
            assert_alike(one, other)
    else:
        assert answer == (pytest.approx(example, abs=0.1) if isinstance(example, float) else example)


@pytest.mark.container
def test_the_example_of_a_wrong_request_is_true(service, http, document):
    answer = http.post(f"{service.url}/predictions/mnist", json={"instances": [[1, 2, 3]]})
    assert answer.status_code == 400
    assert (
        answer.json()
        == document["components"]["responses"]["Wrong"]["content"]["application/json"]["examples"]["numbers"]["value"]
    )


@pytest.mark.container
@pytest.mark.scan
def test_whatever_is_sent_is_answered_as_described(service, root, tmp_path):
    command = [scanner("schemathesis"), "--config-file", root / "tests/containers/schemathesis.toml"]
    command += ["run", root / "docs/openapi.yaml", "--url", service.url, "--continue-on-failure"]
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
