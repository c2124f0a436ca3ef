"""Bodies as clients send them: web forms, gzip, base64, binary tensors. Each is read, or its fault is named."""

from __future__ import annotations

import base64
import gzip
import json
import struct
import zlib

import numpy as np
import pytest

from tests.support.assertions import png

FORM = "application/x-www-form-urlencoded"


def test_a_body_that_came_as_a_web_form_is_read(mnist_handler, seven):
    assert mnist_handler.body(seven, FORM).json["digit"] == 7


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_a_compressed_body_is_read(mnist_handler, seven, encoding, compress):
    assert mnist_handler.body(compress(seven), **{"Content-Encoding": encoding}).json["digit"] == 7
    message = json.dumps({"instances": [{"b64": base64.b64encode(seven).decode()}]}).encode()
    reply = mnist_handler.body(compress(message), "application/json", **{"Content-Encoding": encoding})
    assert reply.json["predictions"][0]["digit"] == 7


@pytest.mark.parametrize(
    ("body", "encoding", "status", "sentence"),
    [
        (gzip.compress(bytes(9 << 20)), "gzip", 400, "more than 8 MiB"),
        (gzip.compress(b"x" * 1000)[:-9], "gzip", 400, "cut off"),
        (b"no gzip", "gzip", 400, "is not gzip"),
        (b"x", "br", 415, "Content-Encoding 'br' is not accepted"),
    ],
    ids=["bomb", "cut", "plain", "brotli"],
)
def test_a_body_that_cannot_be_decompressed_is_refused(mnist_handler, body, encoding, status, sentence):
    reply = mnist_handler.body(body, **{"Content-Encoding": encoding})
    assert reply.status == status
    assert sentence in reply.json["error"]


def test_base64_and_data_urls_are_read_as_a_body_and_as_a_part(mnist_handler, seven):
    text = base64.b64encode(seven)
    url_safe = base64.urlsafe_b64encode(seven)
    for body in (text, url_safe, text + b"\n", b"data:image/png;base64," + text):
        assert mnist_handler.body(body, "text/plain").json["digit"] == 7
    parts = {"first": bytearray(b"data:image/png;base64," + text), "second": bytearray(seven)}
    assert [p["digit"] for p in mnist_handler.one(parts).json["predictions"]] == [7, 7]


def test_base64url_instances_are_read(mnist_handler, seven):
    text = base64.urlsafe_b64encode(seven).decode().rstrip("=")
    assert mnist_handler.json({"instances": [{"b64": text}]}).json["predictions"][0]["digit"] == 7


def test_a_data_url_without_base64_is_named(mnist_handler):
    assert "without base64" in mnist_handler.body(b"data:image/svg+xml,<svg/>").json["error"]


def test_an_image_that_is_called_json_is_read(mnist_handler, seven):
    assert mnist_handler.body(seven, "application/json").json["digit"] == 7


@pytest.mark.parametrize(
    ("parts", "content_type", "sentence"),
    [
        ({"body": b"--x\r\n..."}, "multipart/form-data", "without a boundary"),
        ({}, "multipart/form-data; boundary=x", "holds no part"),
        ({}, "image/png", "no body"),
    ],
)
def test_multipart_faults_are_told_apart(mnist_handler, parts, content_type, sentence):
    reply = mnist_handler.one(parts, {"Content-Type": content_type})
    assert reply.status == 400
    assert sentence in reply.json["error"]


def test_numbers_may_stand_under_data_and_have_a_channel(mnist_handler, test_images):
    pixels = test_images[0]
    instances = [{"data": pixels.ravel().tolist()}, {"data": pixels.tolist()}]
    instances += [pixels[..., np.newaxis].tolist(), pixels[np.newaxis].tolist()]
    assert [p["digit"] for p in mnist_handler.json({"instances": instances}).json["predictions"]] == [7] * 4


@pytest.mark.parametrize("shape", [[-1], -1])
def test_kserves_own_samples_are_read(mnist_handler, seven, shape):
    text = base64.b64encode(seven).decode()
    for data in ([text], text):
        message = {"inputs": [{"name": "x", "shape": shape, "datatype": "BYTES", "data": data}]}
        assert mnist_handler.json(message).json["outputs"][1]["data"] == [7]


def test_the_first_dimension_may_be_left_open(mnist_handler, test_images):
    data = test_images[:3].ravel().tolist()
    message = {"inputs": [{"name": "x", "shape": [-1, 28, 28], "datatype": "UINT8", "data": data}]}
    assert mnist_handler.json(message).json["outputs"][1]["data"] == [7, 2, 1]


def binary_request(tensor, data, **fields):
    """Return body and header of a request with one binary tensor."""
    tensor = {**tensor, "parameters": {"binary_data_size": len(data)}}
    header = json.dumps({"inputs": [tensor], **fields}).encode()
    return header + data, {"Inference-Header-Content-Length": str(len(header))}


def elements(*values):
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


@pytest.mark.parametrize("datatype", ["UINT8", "FP32", "BYTES"])
def test_binary_tensors_are_read(mnist_handler, test_images, datatype):
    data = {
        "UINT8": test_images[:2].tobytes(),
        "FP32": (test_images[:2] / np.float32(255)).astype("<f4").tobytes(),
        "BYTES": elements(*map(png, test_images[:2])),
    }[datatype]
    shape = [2] if datatype == "BYTES" else [2, 28, 28]
    body, headers = binary_request({"name": "x", "shape": shape, "datatype": datatype}, data)
    reply = mnist_handler.body(body, "application/octet-stream", **headers)
    assert reply.content_type == "application/json"
    assert reply.json["outputs"][1]["data"] == [7, 2]


@pytest.mark.parametrize("per_output", [True, False])
def test_binary_outputs_follow_the_json(mnist_handler, test_images, per_output):
    fields = {"parameters": {"binary_data_output": True}}
    if per_output:
        fields = {"outputs": [{"name": n, "parameters": {"binary_data": True}} for n in ("digit", "probabilities")]}
    tensor = {"name": "x", "shape": [2, 784], "datatype": "UINT8"}
    body, headers = binary_request(tensor, test_images[:2].tobytes(), **fields)
    reply = mnist_handler.body(body, "application/octet-stream", **headers)
    length = int(reply.headers["Inference-Header-Content-Length"])
    probabilities, digit = json.loads(reply.body[:length])["outputs"]
    assert probabilities["parameters"] == {"binary_data_size": 80}
    assert digit["parameters"] == {"binary_data_size": 16}
    np.testing.assert_array_equal(np.frombuffer(reply.body[length + 80 :], "<i8"), [7, 2])
    assert np.frombuffer(reply.body[length : length + 80], "<f4").reshape(2, 10).argmax(axis=1).tolist() == [7, 2]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"Inference-Header-Content-Length": "99999"}, "Inference-Header-Content-Length"),
        ({"Inference-Header-Content-Length": "-1"}, "Inference-Header-Content-Length"),
        ({"Inference-Header-Content-Length": "0"}, "Inference-Header-Content-Length"),
    ],
)
def test_a_wrong_header_length_is_named(mnist_handler, test_images, change, sentence):
    tensor = {"name": "x", "shape": [1, 784], "datatype": "UINT8"}
    body, headers = binary_request(tensor, test_images[0].tobytes())
    reply = mnist_handler.body(body, "application/octet-stream", **{**headers, **change})
    assert reply.status == 400
    assert sentence in reply.json["error"]


@pytest.mark.parametrize(
    ("datatype", "shape", "data", "sentence"),
    [
        ("UINT8", [2, 784], bytes(784), "784 values"),
        ("FP32", [1, 784], bytes(3), "no whole number"),
        ("FP32", [1, 784], np.full(784, np.nan, "<f4").tobytes(), "out of range"),
        ("BYTES", [1], b"\xff\xff\xff\x7fx", "cut off"),
        ("INT8", [1, 784], bytes(784), "datatype"),
    ],
)
def test_a_wrong_binary_tensor_is_refused(mnist_handler, datatype, shape, data, sentence):
    body, headers = binary_request({"name": "x", "shape": shape, "datatype": datatype}, data)
    reply = mnist_handler.body(body, "application/octet-stream", **headers)
    assert reply.status == 400
    assert sentence in reply.json["error"]


def test_binary_data_without_its_size_is_named(mnist_handler, test_images):
    header = json.dumps({"inputs": [{"name": "x", "shape": [1, 784], "datatype": "UINT8"}]}).encode()
    reply = mnist_handler.body(
        header + test_images[0].tobytes(), **{"Inference-Header-Content-Length": str(len(header))}
    )
    assert reply.status == 400
    assert "binary_data_size" in reply.json["error"]


@pytest.mark.parametrize(("datatype", "dtype"), [("INT64", "<i8"), ("FP32", "<f4"), ("UINT8", "u1"), ("FP64", "<f8")])
def test_xor_takes_tensors_of_any_number_type(xor_handler, datatype, dtype):
    pairs = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype)
    body, headers = binary_request({"name": "x", "shape": [4, 2], "datatype": datatype}, pairs.tobytes())
    answers = xor_handler.body(body, **headers).json["outputs"]
    assert {output["name"]: output["data"] for output in answers}["output"] == [0, 1, 1, 0]
