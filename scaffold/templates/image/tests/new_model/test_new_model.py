"""new_model answers its sample and its golden set in every protocol, refuses broken images, and learns."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from handlers.new_model.handler import MAX_SIDE_PX, NewModelHandler
from model import config
from tests.support.handlers import load_handler
from training import weights
from training.new_model.train import TEST_COUNT, count_correct, main

MODEL = config.load("new_model")
SAMPLE = MODEL.sample_request.read_bytes()
LABEL = MODEL.sample.response["label"]


@pytest.fixture(scope="module")
def handler(root, tmp_path_factory):
    archive = root / "model_store/new_model.mar"
    return load_handler(NewModelHandler(), archive, tmp_path_factory.mktemp("new_model"))


@pytest.fixture(scope="module")
def pixels():
    with Image.open(io.BytesIO(SAMPLE)) as image:
        return np.asarray(image)


def encoded(image_format, side=32):
    stream = io.BytesIO()
    with Image.open(io.BytesIO(SAMPLE)) as image:
        image.resize((side, side)).save(stream, image_format)
    return stream.getvalue()


def v2(datatype, shape, data):
    return {"inputs": [{"name": "input", "shape": shape, "datatype": datatype, "data": data}]}


@pytest.mark.parametrize("body", [SAMPLE, encoded("JPEG"), encoded("PNG", side=500)], ids=["sample", "jpeg", "large"])
def test_an_image_is_answered(handler, body):
    answer = handler.body(body).json
    assert answer["label"] == LABEL
    assert answer["confidence"] == max(answer["probabilities"])
    assert sum(answer["probabilities"]) == pytest.approx(1)


def test_v1_answers_files_and_numbers_in_order(handler, pixels):
    instances = [{"b64": base64.b64encode(SAMPLE).decode()}, pixels.tolist(), (pixels / 255).tolist()]
    assert [p["label"] for p in handler.json({"instances": instances}).json["predictions"]] == [LABEL] * 3


def test_several_files_are_answered_in_order(handler):
    reply = handler.one({"first": bytearray(SAMPLE), "second": bytearray(encoded("JPEG"))})
    assert [p["label"] for p in reply.json["predictions"]] == [LABEL, LABEL]


@pytest.mark.parametrize("datatype", ["UINT8", "FP32", "BYTES"])
def test_v2_answers_tensors_and_files(handler, pixels, datatype):
    message = {
        "UINT8": v2("UINT8", [1, *pixels.shape], pixels.ravel().tolist()),
        "FP32": v2("FP32", [1, *pixels.shape], (pixels.ravel() / 255).tolist()),
        "BYTES": v2("BYTES", [1], [base64.b64encode(SAMPLE).decode()]),
    }[datatype]
    outputs = {output["name"]: output["data"] for output in handler.json(message).json["outputs"]}
    assert outputs["label"] == [LABEL]
    assert MODEL.labels[outputs["class"][0]] == LABEL


def test_the_golden_set_is_answered_well_as_an_array(handler):
    golden = np.load(MODEL.golden_file)
    stream = io.BytesIO()
    np.save(stream, golden["inputs"])
    reply = handler.body(stream.getvalue(), "application/x-npy", Accept="application/x-npy")
    correct = np.load(io.BytesIO(reply.body)).argmax(axis=1) == golden["labels"]
    assert correct.mean() >= MODEL.golden_set.min_correct


def test_an_explanation_has_a_value_for_each_pixel(handler):
    answer = handler.body(SAMPLE, explain="True").json
    assert answer["label"] == LABEL
    assert np.shape(answer["attribution"]) == (32, 32)


@pytest.mark.parametrize(
    "body",
    [b"no image", SAMPLE[:200], encoded("JPEG")[:300], encoded("GIF"), encoded("PNG", side=MAX_SIDE_PX + 1)],
    ids=["text", "cut PNG", "cut JPEG", "GIF", "too large"],
)
def test_a_broken_image_is_refused(handler, body):
    reply = handler.body(body)
    assert reply.status == 400
    assert reply.json["error"]


def test_training_learns_and_reports(tmp_path):
    main(["--output", str(tmp_path / "new_model.pt")])
    accuracy = weights.load_report(tmp_path / "new_model.pt")["test"]["accuracy"]
    assert accuracy >= 0.97
    assert count_correct(weights.load_net("new_model", tmp_path / "new_model.pt").eval()) == accuracy * TEST_COUNT
