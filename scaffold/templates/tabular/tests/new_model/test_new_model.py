"""new_model answers its sample and its golden set in every protocol, refuses what it cannot read, and learns."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from handlers.new_model.handler import NewModelHandler
from model import config
from tests.support.handlers import load_handler
from training import weights
from training.new_model.train import TEST_COUNT, count_correct, main

MODEL = config.load("new_model")
SAMPLE = json.loads(MODEL.sample_request.read_bytes())
(FEATURES,) = SAMPLE["instances"]
LABEL = MODEL.sample.response["label"]


@pytest.fixture(scope="module")
def handler(root, tmp_path_factory):
    archive = root / "model_store/new_model.mar"
    return load_handler(NewModelHandler(), archive, tmp_path_factory.mktemp("new_model"))


def test_the_sample_is_answered(handler):
    (answer,) = handler.json(SAMPLE).json["predictions"]
    assert answer["label"] == LABEL
    assert answer["confidence"] == max(answer["probabilities"])
    assert sum(answer["probabilities"]) == pytest.approx(1)


@pytest.mark.parametrize("datatype", ["FP32", "FP64"])
def test_v2_answers_tensors(handler, datatype):
    tensor = {"name": "input", "shape": [1, len(FEATURES)], "datatype": datatype, "data": FEATURES}
    outputs = {output["name"]: output["data"] for output in handler.json({"inputs": [tensor]}).json["outputs"]}
    assert outputs["label"] == [LABEL]
    assert MODEL.labels[outputs["class"][0]] == LABEL


def test_the_golden_set_is_answered_well_as_an_array(handler):
    golden = np.load(MODEL.golden_file)
    stream = io.BytesIO()
    np.save(stream, golden["inputs"])
    reply = handler.body(stream.getvalue(), "application/x-npy", Accept="application/x-npy")
    correct = np.load(io.BytesIO(reply.body)).argmax(axis=1) == golden["labels"]
    assert correct.mean() >= MODEL.golden_set.min_correct


@pytest.mark.parametrize(
    "message",
    [{"instances": [FEATURES[1:]]}, {"instances": [[*FEATURES[1:], "3"]]}, {"instances": [[*FEATURES[1:], -1]]}, {}],
    ids=["too few", "text", "negative", "empty"],
)
def test_a_wrong_request_is_refused(handler, message):
    reply = handler.json(message)
    assert reply.status == 400
    assert reply.json["error"]


def test_training_learns_and_reports(tmp_path):
    main(["--output", str(tmp_path / "new_model.pt")])
    accuracy = weights.load_report(tmp_path / "new_model.pt")["test"]["accuracy"]
    assert accuracy >= 0.97
    assert count_correct(weights.load_net("new_model", tmp_path / "new_model.pt").eval()) == accuracy * TEST_COUNT
