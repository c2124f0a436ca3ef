"""The MNIST handler on whole batches: every form of request and response; a fault affects one request only."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image
from ts.context import RequestProcessor

from model.mnist.net import Net
from tests.support.assertions import assert_is_prediction, assert_same_predictions, npy, png


def test_an_image_is_answered_with_one_object(mnist_handler, seven):
    reply = mnist_handler.body(seven)
    assert (reply.status, reply.content_type) == (200, "application/json")
    assert_is_prediction(reply.json, 7)


def test_one_multipart_image_under_any_name_is_answered_like_a_body(mnist_handler, seven):
    reply = mnist_handler.one({"whatever": bytearray(seven)}, {"Content-Type": "multipart/form-data; boundary=x"})
    assert reply.json == mnist_handler.body(seven).json


def test_several_multipart_images_are_answered_in_order(mnist_handler, seven, test_images):
    two = png(test_images[1])
    answers = mnist_handler.one({"z": bytearray(two), "a": bytearray(seven)}).json["predictions"]
    assert [answer["digit"] for answer in answers] == [2, 7]


@pytest.mark.parametrize("key", ["data", "b64", "image_bytes"])
@pytest.mark.parametrize("wrap", [lambda text: text, lambda text: {"b64": text}], ids=["text", "object"])
def test_base64_instances_are_answered(mnist_handler, seven, key, wrap):
    text = base64.b64encode(seven).decode()
    (answer,) = mnist_handler.json({"instances": [{key: wrap(text)}]}).json["predictions"]
    assert answer == mnist_handler.body(seven).json


def test_base64_may_be_broken_into_lines_or_be_a_data_url(mnist_handler, seven):
    lines = base64.encodebytes(seven).decode()
    url = "data:image/png;base64," + base64.b64encode(seven).decode()
    answers = mnist_handler.json({"instances": [{"b64": lines}, {"b64": url}]}).json["predictions"]
    assert_same_predictions(answers, [mnist_handler.body(seven).json] * 2)


def test_pixels_as_numbers_and_the_image_get_the_same_prediction(mnist_handler, seven, test_images):
    pixels = test_images[0]
    as_unit = (pixels / 255).tolist()
    instances = [pixels.tolist(), pixels.ravel().tolist(), as_unit, [v for row in as_unit for v in row]]
    answers = mnist_handler.json({"instances": instances}).json["predictions"]
    assert_same_predictions(answers, [mnist_handler.body(seven).json] * 4)


def test_images_and_numbers_mix_in_order(mnist_handler, seven, test_images):
    text = base64.b64encode(seven).decode()
    instances = [test_images[1].tolist(), {"b64": text}, test_images[2].tolist()]
    answers = mnist_handler.json({"instances": instances}).json["predictions"]
    assert [answer["digit"] for answer in answers] == [2, 7, 1]


@pytest.mark.parametrize("shape", [[2, 784], [2, 28, 28], [2, 1, 28, 28]])
@pytest.mark.parametrize("datatype", ["UINT8", "FP32"])
@pytest.mark.parametrize("nested", [False, True])
def test_v2_tensors_are_answered_as_tensors(mnist_handler, test_images, shape, datatype, nested):
    values = test_images[:2] if datatype == "UINT8" else test_images[:2] / 255
    data = values.reshape(shape).tolist() if nested else values.ravel().tolist()
    message = {"id": "abc", "inputs": [{"name": "x", "shape": shape, "datatype": datatype, "data": data}]}
    answer = mnist_handler.json(message).json
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("mnist", "1.0", "abc")
    probabilities, digit = answer["outputs"]
    assert {key: probabilities[key] for key in ("name", "datatype", "shape")} == {
        "name": "probabilities",
        "datatype": "FP32",
        "shape": [2, 10],
    }
    assert digit == {"name": "digit", "datatype": "INT64", "shape": [2], "data": [7, 2]}
    rows = np.array(probabilities["data"]).reshape(2, 10)
    expected = mnist_handler.body(npy(test_images[:2])).json["predictions"]
    np.testing.assert_array_equal(np.float32(rows), np.float32([p["probabilities"] for p in expected]))


def test_v2_takes_a_single_image_and_base64_bytes(mnist_handler, seven, test_images):
    text = base64.b64encode(seven).decode()
    single = {"name": "x", "shape": [1, 28, 28], "datatype": "UINT8", "data": test_images[0].tolist()}
    encoded = {"name": "x", "shape": [1], "datatype": "BYTES", "data": [text]}
    answers = [mnist_handler.json({"inputs": [tensor]}).json["outputs"] for tensor in (single, encoded)]
    assert answers[0] == answers[1]


def test_v2_returns_the_requested_outputs_and_an_id_of_its_own(mnist_handler, test_images):
    tensor = {"name": "x", "shape": [1, 784], "datatype": "UINT8", "data": test_images[0].ravel().tolist()}
    answer = mnist_handler.json({"inputs": [tensor], "outputs": [{"name": "digit"}]}).json
    assert [output["name"] for output in answer["outputs"]] == ["digit"]
    assert answer["id"] == "id-0"


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 784)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_is_answered_as_json_or_npy(mnist_handler, test_images, test_labels, shape, order):
    body = npy(np.asarray(test_images[:5].reshape(shape), order=order))
    answers = mnist_handler.body(body, "application/x-npy").json["predictions"]
    assert [answer["digit"] for answer in answers] == test_labels[:5].tolist()
    reply = mnist_handler.body(body, "application/x-npy", Accept="application/x-npy")
    assert reply.content_type == "application/x-npy"
    probabilities = np.load(io.BytesIO(reply.body))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (5, 10))
    np.testing.assert_array_equal(probabilities, np.float32([answer["probabilities"] for answer in answers]))


def test_probabilities_are_the_nets_calibrated_softmax(mnist_handler, root, test_images):
    net = Net.from_state_dict(torch.load(root / "weights/mnist.pt", weights_only=True))
    temperature = json.loads((root / "weights/mnist.json").read_text())["temperature"]
    with torch.inference_mode():
        expected = (net(torch.tensor(test_images[:64].reshape(-1, 784)) / 255) / temperature).softmax(dim=1)
    reply = mnist_handler.body(npy(test_images[:64]), "application/x-npy", Accept="application/x-npy")
    np.testing.assert_allclose(np.load(io.BytesIO(reply.body)), expected, atol=1e-6)


def test_one_bad_request_in_a_batch_is_refused_and_the_others_are_answered(mnist_handler, seven):
    bad = {"body": bytearray(b"no image")}
    good = {"body": bytearray(seven)}
    replies = mnist_handler.batch([good, bad, good])
    assert [reply.status for reply in replies] == [200, 400, 200]
    assert [reply.content_type for reply in replies] == ["application/json"] * 3
    assert set(replies[1].json) == {"error"}
    assert [replies[0].json["digit"], replies[2].json["digit"]] == [7, 7]


def test_a_batch_of_only_bad_requests_is_refused_one_by_one(mnist_handler):
    replies = mnist_handler.batch([{"body": bytearray(b"")}, {}, {"body": bytearray(b"{")}])
    assert [reply.status for reply in replies] == [400] * 3


def test_a_fault_of_our_own_is_500_to_that_request_alone(mnist_handler, seven, monkeypatch, caplog):
    parser = mnist_handler.handler.parser
    real = parser.parse

    def faulty(parts, headers):
        if "fault" in headers:
            raise ZeroDivisionError("a bug")
        return real(parts, headers)

    monkeypatch.setattr(parser, "parse", faulty)
    good = {"body": bytearray(seven)}
    replies = mnist_handler.batch([good, good], [{"fault": "yes"}, {}])
    assert [reply.status for reply in replies] == [500, 200]
    assert "a bug" in caplog.text
    assert "a bug" not in replies[0].json["error"]


def test_a_clients_own_describe_header_is_ignored(mnist_handler, seven):
    assert mnist_handler.body(seven, describe="True").json["digit"] == 7
    assert mnist_handler.one({}, {"describe": "True"}).status == 400


def test_a_clients_own_explain_header_in_other_case_is_ignored(mnist_handler, seven):
    assert "attribution" not in mnist_handler.body(seven, Explain="True").json


def test_describe_returns_the_model_and_its_report(mnist_handler, root):
    mnist_handler.context.request_ids = {0: "id"}
    mnist_handler.context.request_processor = [RequestProcessor({"describe": "True"})]
    description = json.loads(mnist_handler.handler.handle([{}], mnist_handler.context)[0])
    report = json.loads((root / "weights/mnist.json").read_text())
    assert description["labels"] == list("0123456789")
    assert description["training"]["test"] == report["test"]
    assert description["training"]["data_sha256"] == report["data_sha256"]
    assert "PNG" in description["image_formats"]


def test_an_explanation_adds_a_28_by_28_map_and_the_pixels_to_the_prediction(mnist_handler, seven, test_images):
    answer = mnist_handler.body(seven, explain="True").json
    assert np.shape(answer.pop("attribution")) == (28, 28)
    np.testing.assert_array_equal(answer.pop("pixels"), test_images[0], strict=False)
    assert answer == mnist_handler.body(seven).json


def test_the_explained_pixels_of_a_photo_give_the_same_prediction(mnist_handler, root):
    photo = Image.open(root / "model/mnist/samples/5.png").resize((300, 300))
    answer = mnist_handler.body(png(255 - np.pad(np.asarray(photo) // 2, 80)), explain="True").json
    seen = np.array(answer["pixels"], np.uint8)
    assert not seen[:2].any(), "MNIST's form has a margin"
    again = mnist_handler.json({"instances": [seen.tolist()]}, explain="True").json["predictions"][0]
    assert again == answer


def test_explained_pixels_are_0_to_255_for_numbers_from_0_to_1(mnist_handler, test_images):
    answer = mnist_handler.json({"instances": [(test_images[0] / 255).tolist()]}, explain="True").json["predictions"][0]
    assert answer["pixels"] == test_images[0].tolist()


def test_each_request_of_a_batch_is_explained_or_not_on_its_own(mnist_handler, seven):
    good = {"body": bytearray(seven)}
    replies = mnist_handler.batch([good, good, good], [{}, {"explain": "True"}, {}])
    assert ["attribution" in reply.json for reply in replies] == [False, True, False]


def test_a_health_check_is_answered_beside_others_and_may_ask_for_an_explanation(mnist_handler, seven, test_images):
    two, probe = png(test_images[1]), {"X-Health-Check": "true"}
    replies = mnist_handler.batch(
        [{"body": seven}, {"body": two}, {"body": seven}], [probe, {}, {**probe, "explain": "True"}]
    )
    assert [reply.json["digit"] for reply in replies] == [7, 2, 7]
    assert ["attribution" in reply.json for reply in replies] == [False, False, True]


def test_v2_and_bulk_requests_are_explained_in_their_own_form(mnist_handler, test_images):
    tensor = {"name": "x", "shape": [2, 784], "datatype": "UINT8", "data": test_images[:2].ravel().tolist()}
    outputs = mnist_handler.json({"inputs": [tensor]}, explain="True").json["outputs"]
    assert outputs[2]["name"] == "attribution"
    assert outputs[2]["shape"] == [2, 28, 28]
    assert outputs[3] == {**tensor, "name": "pixels", "shape": [2, 28, 28]}
    bulk = mnist_handler.body(npy(test_images[:2]), explain="True", Accept="application/x-npy")
    assert [np.shape(p["attribution"]) for p in bulk.json["predictions"]] == [(28, 28)] * 2


def test_too_many_digits_to_explain_are_refused(mnist_handler, test_images):
    reply = mnist_handler.body(npy(test_images[:101]), explain="True")
    assert reply.status == 400
    assert "101 inputs are too many" in reply.json["error"]


def test_values_that_torchserve_decoded_itself_are_understood(mnist_handler, seven):
    text = base64.b64encode(seven).decode()
    decoded = mnist_handler.one({"body": {"instances": [{"b64": text}]}}, {"Content-Type": "application/json"})
    assert decoded.json["predictions"][0]["digit"] == 7
