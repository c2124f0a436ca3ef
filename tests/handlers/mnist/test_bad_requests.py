"""Bad requests: each is answered 400 with one sentence that names the fault and the accepted form."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from tests.payloads.malicious.image_files import png_claiming
from tests.support.assertions import npy


def tensor(shape, datatype, data):
    return {"inputs": [{"name": "x", "shape": shape, "datatype": datatype, "data": data}]}


ZEROS = [0] * 784

BODIES = {
    "nothing": (b"", "no body"),
    "garbage": (b"\x00\x01garbage" * 20, "not an image in a known format"),
    "text": (b"hello", "not an image in a known format"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "send PNG, JPEG"),
    "6 MB of zeros": (bytes(6_000_000), "not an image in a known format"),
    "a bomb of a header": (png_claiming(100_000, 100_000), "at most 4096×4096"),
    "one side too long": (png_claiming(4097, 10), "4097×10 pixels; at most 4096×4096"),
    "a png that lies about its size": (png_claiming(1000, 1000), "cannot be decoded; send the whole file"),
    "broken json": (b'{"instances": [', "not valid JSON"),
    "json that is no object": (b"[1, 2, 3]", 'send {"instances": [...]} or {"inputs": [...]}'),
    "json of another kind": (b'{"image": "x"}', 'send {"instances": [...]} or {"inputs": [...]}'),
    "nan": (b'{"instances": [[NaN]]}', "not valid JSON"),
    "json too deep": (b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not valid JSON"),
    "npy of floats": (npy(np.zeros((1, 784))), "float64 [1, 784]; accepted is uint8"),
    "npy of another shape": (npy(np.zeros((28, 28), np.uint8)), "uint8 [28, 28]; accepted is uint8 [n, 28, 28]"),
    "npy of objects": (npy(np.array([{}])), "object [1]; accepted is uint8"),
    "npy of nothing": (npy(np.zeros((0, 784), np.uint8)), "0 inputs; send 1 to 10000"),
    "npy cut short": (npy(np.zeros((2, 784), np.uint8))[:-1], "1567 values but its header says [2, 784]"),
    "npy with a broken header": (b"\x93NUMPY\x01\x00\x10\x00{'descr': broken}", "not an .npy file"),
    "npy of another version": (b"\x93NUMPY\x09\x00", "not an .npy file"),
}


@pytest.mark.parametrize(("body", "sentence"), BODIES.values(), ids=BODIES)
def test_a_bad_body_is_refused_with_its_sentence(mnist_handler, body, sentence):
    reply = mnist_handler.body(body)
    assert reply.status == 400
    assert sentence in reply.json["error"]


MESSAGES = {
    "instances of no list": ({"instances": 5}, '"instances" is not a list'),
    "no instances": ({"instances": []}, "0 inputs; send 1 to 10000"),
    "783 numbers": ({"instances": [[0] * 783]}, "instances[0] is not a list of 784 numbers"),
    "27 rows": ({"instances": [[[0] * 28] * 27]}, "instances[0] is not a list"),
    "ragged rows": ({"instances": [[[0] * 28] * 27 + [[0] * 27]]}, "instances[0] is not a list"),
    "a bad one among good ones": ({"instances": [ZEROS, [1, 2]]}, "instances[1] is not a list"),
    "text for numbers": ({"instances": [["0"] * 784]}, "instances[0] holds something that is not a number"),
    "null": ({"instances": [[None] * 784]}, "not a number"),
    "booleans": ({"instances": [[True] * 784]}, "not a number"),
    "256": ({"instances": [[256, *ZEROS[1:]]]}, "instances[0]: 256 is out of range; send integers from 0 to 255"),
    "-1": ({"instances": [[-1, *ZEROS[1:]]]}, "-1 is out of range"),
    "-1 among large ones": ({"instances": [[-1, 200, *ZEROS[2:]]]}, "-1 is out of range"),
    "fractions above one": ({"instances": [[1.5, *ZEROS[1:]]]}, "1.5 is out of range"),
    "1e308": ({"instances": [[1e308, *ZEROS[1:]]]}, "1e+308 is out of range"),
    "an object without an image": ({"instances": [{"image": "x"}]}, 'instances[0] has no file; name it "data"'),
    "base64 of no text": ({"instances": [{"b64": 5}]}, "instances[0] is not base64 text"),
    "an object in an object": ({"instances": [{"b64": {"x": 1}}]}, "instances[0] is not base64 text"),
    "no base64": ({"instances": [{"b64": "äöü"}]}, "instances[0] is not valid base64"),
    "base64 of no image": ({"instances": [{"b64": "aGVsbG8="}]}, "instances[0]: the 5 bytes are not an image"),
    "base64 of nothing": ({"instances": [{"b64": ""}]}, "instances[0]: the image is empty"),
    "too many": ({"instances": [[]] * 10_001}, "10001 inputs; send 1 to 10000"),
    "no inputs": ({"inputs": []}, "exactly one tensor"),
    "two inputs": ({"inputs": [{}, {}]}, "exactly one tensor"),
    "an input of no object": ({"inputs": [5]}, "exactly one tensor"),
    "no shape": ({"inputs": [{"datatype": "UINT8", "data": ZEROS}]}, '"shape" is not a list of integers'),
    "a shape of text": (tensor(["1", 784], "UINT8", ZEROS), '"shape" is not a list of integers'),
    "a negative shape": (tensor([-2, 784], "UINT8", ZEROS), "-2 inputs; send 1 to 10000"),
    "another shape": (tensor([1, 28], "UINT8", [0] * 28), "shape [1, 28] is not accepted"),
    "another datatype": (tensor([1, 784], "INT32", ZEROS), "datatype 'INT32' is not accepted"),
    "too few values": (tensor([2, 784], "UINT8", ZEROS), "the tensor has 784 values, but shape [2, 784] needs 1568"),
    "no data": (tensor([1, 784], "UINT8", None), '"data" is not a list'),
    "256 in UINT8": (tensor([1, 784], "UINT8", [256, *ZEROS[1:]]), "UINT8 data: 256 is out of range"),
    "0.5 in UINT8": (tensor([1, 784], "UINT8", [0.5, *ZEROS[1:]]), "UINT8 data: 0.5 is out of range"),
    "2 in FP32": (tensor([1, 784], "FP32", [2, *ZEROS[1:]]), "FP32 data: 2 is out of range; send numbers from 0 to 1"),
    "BYTES of another shape": (tensor([1, 1], "BYTES", ["x"]), "shape [1, 1] is not accepted"),
    "BYTES of no image": (tensor([1], "BYTES", ["aGVsbG8="]), "data[0]: the 5 bytes are not an image"),
    "an id of no text": ({**tensor([1, 784], "UINT8", ZEROS), "id": 5}, '"id" must be a string'),
    "unknown outputs": ({**tensor([1, 784], "UINT8", ZEROS), "outputs": [{"name": "x"}]}, '"outputs" may name'),
}


@pytest.mark.parametrize(("message", "sentence"), MESSAGES.values(), ids=MESSAGES)
def test_a_bad_message_is_refused_with_its_sentence(mnist_handler, message, sentence):
    reply = mnist_handler.json(message)
    assert reply.status == 400
    assert sentence in reply.json["error"]


def test_a_web_form_is_refused_with_the_remedy(mnist_handler):
    reply = mnist_handler.one({"what was": bytearray(b"left")}, {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.status == 400
    assert "curl -T" in reply.json["error"]
    assert "Content-Type: application/octet-stream" in reply.json["error"]


def test_a_bad_part_is_named(mnist_handler, seven):
    reply = mnist_handler.one({"first": bytearray(seven), "second": bytearray(b"garbage")})
    assert reply.status == 400
    assert reply.json["error"].startswith("second: the 7 bytes are not an image")


def test_more_images_than_can_be_read_in_time_are_refused(mnist_handler):
    large = Image.new("1", (4096, 4096))
    ImageDraw.Draw(large).line([(1500, 1000), (2500, 1000), (2000, 3000)], fill=1, width=200)
    stream = io.BytesIO()
    large.save(stream, "PNG")
    text = base64.b64encode(stream.getvalue()).decode()
    reply = mnist_handler.json({"instances": [{"b64": text}] * 100})
    assert reply.status == 400
    assert re.fullmatch(r"[1-9]\d? of 100 files took 3 s to read; send fewer at once", reply.json["error"])


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_truncated_image_is_refused(mnist_handler, image_file, image_format):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8))
    whole = image_file(noise, image_format)
    for length in (1, len(whole) // 4, len(whole) // 2, len(whole) - 200):
        reply = mnist_handler.body(whole[:length])
        assert reply.status == 400, f"{length} of {len(whole)} bytes"
        assert reply.json["error"]


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_handler_fail(mnist_handler, body):
    assert mnist_handler.body(body).status in (200, 400)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=5)
        | st.dictionaries(
            st.sampled_from(["b64", "data", "name", "shape", "datatype", "id", "x"]), children, max_size=5
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["instances", "inputs", "outputs"]), JSON_VALUES)
def test_no_json_makes_the_handler_fail(mnist_handler, key, value):
    assert mnist_handler.body(json.dumps({key: value}).encode()).status == 400


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"]), st.data())
def test_no_damaged_image_makes_the_handler_fail(mnist_handler, image_format, data):
    stream = io.BytesIO()
    Image.new("L", (28, 28), 90).save(stream, image_format)
    body = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    assert mnist_handler.body(bytes(body)).status in (200, 400)
