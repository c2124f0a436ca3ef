"""The OpenAPI document describes every model that the gateway serves, and the gateway's routes are its operations."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import msgspec
import pytest

from model import config
from serving import gateway_config, openapi
from tests.support.openapi import operations, resolved

TABULAR = {
    "name": "wine",
    "version": "1.0",
    "summary": "the quality of a wine",
    "input": {"type": "number", "shape": [3], "minimum": 0},
    "outputs": {
        "class": {"datatype": "INT64"},
        "label": {"datatype": "BYTES"},
        "quality": {"datatype": "FP32", "minimum": 0.5, "maximum": 10},
    },
    "labels": ["red", "white"],
    "label_output": "class",
    "protocols": {"v1": ["label", "quality"], "v2": ["class", "label"]},
    "sample": {"request": "sample.json", "response": {"label": "red"}},
    "golden_set": {"file": "golden.npz", "min_correct": 0.9},
}


def model(**changes):
    """Return the configuration of a model that is not in the repository."""
    return msgspec.convert({**TABULAR, **changes}, config.ModelConfig)


@pytest.fixture
def wine(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "FOLDER", tmp_path)
    (tmp_path / "wine").mkdir()
    (tmp_path / "wine/sample.json").write_text(json.dumps({"instances": [[1, 2.5, 3], [4, 5, 6]]}))
    return model()


def paths(*configs):
    return set(openapi.document(configs)["paths"])


def schema(document, name):
    return document["components"]["schemas"][name]


def test_every_protocol_that_a_model_offers_has_a_path_and_no_other():
    service = {"/health", "/openapi.yaml"}
    offered = {
        "/predictions/wine", "/predictions/wine/{version}", "/v1/models/wine:predict", "/v2/models/wine/infer"
    }  # fmt: skip
    assert paths(model()) == service | offered
    without_v2 = {"v1": ["label", "quality"]}
    assert paths(model(protocols=without_v2)) == service | offered - {"/v2/models/wine/infer"}
    explained = {"outputs": {"attribution": {"datatype": "FP32", "shape": [3]}}}
    assert paths(model(explanation=explained)) == service | offered | {
        "/explanations/wine", "/explanations/wine/{version}"
    }  # fmt: skip


def test_a_model_that_the_gateway_does_not_serve_is_not_mentioned():
    assert "wine" not in openapi.to_yaml([model(gateway=False)])


def test_operations_have_ids_of_their_own_and_references_lead_somewhere():
    document = openapi.document(config.load_all())
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids) > 20
    for reference in set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))):
        assert resolved(document, {"$ref": reference})


def test_responses_have_the_outputs_of_the_model(wine):
    document = openapi.document([wine])
    prediction = schema(document, "wine.Prediction")
    assert prediction["required"] == ["label", "quality"]
    assert prediction["properties"]["label"] == {"type": "string", "examples": ["red"]}
    assert prediction["properties"]["quality"] == {"type": "number", "minimum": 0.5, "maximum": 10}
    tensor = schema(document, "wine.InferenceResponse")["properties"]["outputs"]["items"]["properties"]
    assert tensor["name"] == {"enum": ["class", "label"]}
    assert tensor["datatype"] == {"enum": ["BYTES", "INT64"]}
    assert tensor["data"]["items"] == {"type": ["number", "string"]}


def test_requests_have_the_input_of_the_model(wine):
    document = openapi.document([wine])
    body = document["components"]["requestBodies"]["wine.Inputs"]
    assert list(body["content"]) == ["application/json"]
    (instance,) = [schema(document, "wine.Instances")["properties"]["instances"]["items"]]
    assert instance == {"type": "array", "minItems": 3, "maxItems": 3, "items": {"type": "number", "minimum": 0}}


def test_the_sample_is_the_example_in_both_protocols(wine):
    bodies = openapi.document([wine])["components"]["requestBodies"]
    sample = json.loads(wine.sample_request.read_text())
    assert bodies["wine.InputsV1"]["content"]["application/json"]["examples"]["instances"]["value"] == sample
    (tensor,) = bodies["wine.InputsV2"]["content"]["application/json"]["examples"]["tensor"]["value"]["inputs"]
    assert (tensor["shape"], tensor["datatype"], tensor["data"]) == ([2, 3], "FP32", sample["instances"])


def test_a_large_sample_does_not_fill_the_document(wine):
    wine.sample_request.write_text(json.dumps({"instances": [[1, 2, 3]] * 10_000}))
    assert len(openapi.to_yaml([wine])) < 40_000


def test_files_are_sent_as_such_only_to_a_model_that_reads_files():
    digits = openapi.document([config.load("mnist")])["components"]["requestBodies"]["mnist.Inputs"]["content"]
    assert {"image/*", "multipart/form-data", "application/x-npy", "application/json"} < set(digits)


def test_the_routes_are_the_operations():
    document = openapi.document(config.load_all())
    patterns = {}
    for kind, where in re.findall(r"^location (=|~) (\S+) {", gateway_config.routes(document), re.MULTILINE):
        patterns[where] = where if kind == "~" else f"^{re.escape(where)}$"
    asked = {path for path, method, _ in operations(document) if method == "post"}
    for path in asked:
        assert sum(bool(re.search(pattern, path)) for pattern in patterns.values()) == 1, path
    for where, pattern in patterns.items():
        assert any(re.search(pattern, path) for path in asked), where


def test_its_errors_are_those_of_the_gateway(root):
    gateway = root / "docker/gateway"
    files = ("error_messages.conf", "nginx.conf", "balancer.conf")
    sentences = {s for file in files for s in re.findall(r'"([^"]*)";', (gateway / file).read_text())}
    for status, (_, _, sentence) in openapi.ERRORS.items():
        assert status == "400" or sentence in sentences, status


def test_the_command_writes_both_files(root, tmp_path):
    subprocess.run([sys.executable, "-m", "serving.gateway_config", tmp_path / "new"], cwd=root, check=True)
    assert {file.name for file in (tmp_path / "new").iterdir()} == {"openapi.yaml", "routes.conf"}
    printed = subprocess.run(
        [sys.executable, "-m", "serving.openapi"], cwd=root, capture_output=True, check=True
    ).stdout
    assert (tmp_path / "new/openapi.yaml").read_bytes() == printed
    assert msgspec.yaml.decode(printed) == openapi.document(config.load_all())
