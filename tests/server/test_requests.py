"""Every row of the request table over HTTP, at each of TorchServe's routes, from a client that is not ours."""

from __future__ import annotations

import base64
import contextlib
import io

import numpy as np
import pytest
import requests

from tests.support.assertions import assert_is_prediction, assert_same_predictions, npy, png
from training.mnist.robustness.corruptions import CORRUPTIONS
from training.mnist.robustness.samples import generate_samples

pytestmark = pytest.mark.server
ROUTES = ("predictions/mnist", "predictions/mnist/1.0", "v1/models/mnist:predict", "v2/models/mnist/infer")


@pytest.fixture(params=ROUTES)
def url(request, server):
    return f"{server.inference}/{request.param}"


@pytest.fixture
def expected(server, seven):
    return requests.post(f"{server.inference}/predictions/mnist", seven, timeout=10).json()


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_an_image_is_the_body(url, seven, method):
    response = requests.request(method, url, data=seven, timeout=10)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert_is_prediction(response.json(), 7)


@pytest.mark.parametrize("kind", ["ballpoint_photo", "blackboard", "transparent", "squared_paper", "canvas_28"])
def test_pictures_as_people_send_them_are_read(server, kind, mnist_test):
    url = f"{server.inference}/predictions/mnist"
    samples = list(generate_samples(kind, CORRUPTIONS[kind], 20, mnist_test))
    answers = [requests.post(url, sample.data, timeout=10) for sample in samples]
    right = [a.status_code == 200 and a.json()["digit"] == s.label for a, s in zip(answers, samples, strict=True)]
    assert np.mean(right) >= 0.85


def test_a_picture_without_a_digit_is_refused(url):
    response = requests.post(url, png(np.full((300, 400), 230, np.uint8)), timeout=10)
    assert response.status_code == 400
    assert "no digit found" in response.json()["error"]


@pytest.mark.parametrize("image_format", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_an_image_may_have_any_format(url, image_format, image_file_of_seven):
    body = image_file_of_seven(image_format)
    response = requests.post(url, body, headers={"Content-Type": f"image/{image_format.lower()}"}, timeout=10)
    assert response.json()["digit"] == 7


def test_multipart_with_one_image_is_answered_as_the_image_itself(url, seven, expected):
    response = requests.post(url, files={"anything": ("7.png", seven, "image/png")}, timeout=10)
    assert_same_predictions([response.json()], [expected])


def test_multipart_with_several_images_is_answered_in_order(url, seven, test_images):
    files = {"b": ("7.png", seven, "image/png"), "a": png(test_images[1])}
    response = requests.post(url, files=files, timeout=10)
    assert [answer["digit"] for answer in response.json()["predictions"]] == [7, 2]


def test_instances_are_answered_in_order(url, seven, test_images, expected):
    text = base64.b64encode(seven).decode()
    images = [{key: value} for key in ("data", "b64", "image_bytes") for value in (text, {"b64": text})]
    numbers = [test_images[0].tolist(), test_images[0].ravel().tolist(), (test_images[0] / 255).tolist()]
    response = requests.post(url, json={"instances": images + numbers}, timeout=10)
    assert response.headers["Content-Type"] == "application/json"
    assert_same_predictions(response.json()["predictions"], [expected] * 9)


@pytest.mark.parametrize("shape", [[3, 784], [3, 28, 28], [3, 1, 28, 28]])
def test_v2_tensors_are_answered_with_tensors(url, shape, test_images, test_labels):
    tensor = {"name": "x", "shape": shape, "datatype": "UINT8", "data": test_images[:3].ravel().tolist()}
    response = requests.post(url, json={"id": "42", "inputs": [tensor]}, timeout=10)
    answer = response.json()
    assert response.headers["Content-Type"] == "application/json"
    assert (answer["model_name"], answer["model_version"], answer["id"]) == ("mnist", "1.0", "42")
    probabilities, digit = answer["outputs"]
    assert (probabilities["name"], probabilities["datatype"], probabilities["shape"]) == (
        "probabilities",
        "FP32",
        [3, 10],
    )
    assert len(probabilities["data"]) == 30
    assert digit == {"name": "digit", "datatype": "INT64", "shape": [3], "data": test_labels[:3].tolist()}


@pytest.mark.parametrize(
    ("datatype", "shape", "encode"),
    [
        ("FP32", [1, 28, 28], lambda pixels: (pixels / 255).tolist()),
        ("UINT8", [1, 28, 28], lambda pixels: pixels.tolist()),
        ("BYTES", [1], lambda pixels: [base64.b64encode(png(pixels)).decode()]),
    ],
)
def test_v2_takes_one_image(url, test_images, datatype, shape, encode):
    tensor = {"name": "x", "shape": shape, "datatype": datatype, "data": encode(test_images[0])}
    response = requests.post(url, json={"inputs": [tensor]}, timeout=10)
    assert response.json()["outputs"][1]["data"] == [7]


@pytest.mark.parametrize("shape", [(-1, 28, 28), (-1, 784)])
def test_npy_is_answered_in_bulk(url, test_images, test_labels, shape):
    body = npy(test_images[:1024].reshape(shape))
    headers = {"Content-Type": "application/x-npy"}
    answers = requests.post(url, body, headers=headers, timeout=10).json()["predictions"]
    response = requests.post(url, body, headers={**headers, "Accept": "application/x-npy"}, timeout=10)
    assert response.headers["Content-Type"] == "application/x-npy"
    probabilities = np.load(io.BytesIO(response.content))
    assert (probabilities.dtype, probabilities.shape) == (np.float32, (1024, 10))
    assert [answer["digit"] for answer in answers] == probabilities.argmax(axis=1).tolist()
    assert (probabilities.argmax(axis=1) == test_labels[:1024]).mean() > 0.95


@pytest.mark.parametrize("route", ["explanations/mnist", "v1/models/mnist:explain", "v2/models/mnist/explain"])
def test_an_explanation_is_a_prediction_with_a_map(server, seven, test_images, expected, route):
    answer = requests.post(f"{server.inference}/{route}", seven, timeout=10).json()
    assert np.shape(answer.pop("attribution")) == (28, 28)
    assert answer.pop("pixels") == test_images[0].tolist()
    assert_same_predictions([answer], [expected])


@pytest.mark.parametrize("explain", ["", "True", "False"])
def test_the_route_alone_says_what_is_asked(server, seven, explain):
    """TorchServe itself asks a worker with such headers; a client that does is asking for a prediction."""
    headers = {"explain": explain, "describe": "True"}
    assert requests.post(f"{server.inference}/predictions/mnist", headers=headers, timeout=10).status_code == 400
    answer = requests.post(f"{server.inference}/predictions/mnist", seven, headers=headers, timeout=10).json()
    assert answer["digit"] == 7
    assert "attribution" not in answer


def test_xor_is_answered(server):
    url = f"{server.inference}/predictions/xor"
    answers = requests.post(url, json={"instances": [[0, 0], [0, 1], [1, 0], [1, 1]]}, timeout=10).json()["predictions"]
    assert [answer["output"] for answer in answers] == [0, 1, 1, 0]
    assert all(0 <= answer["probability"] <= 1 for answer in answers)


@pytest.mark.parametrize("tail", [b"", b"%zz", b"&=%", b"a=%e4&b"], ids=repr)
def test_an_image_of_curls_default_type_is_read_whatever_its_bytes(url, seven, tail):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = requests.post(url, seven + tail, headers=headers, timeout=10)
    assert response.json()["digit"] == 7


@pytest.mark.parametrize(
    "part",
    [
        "Content-Disposition: form-data",
        'Content-Disposition: form-data; filename="a.png"',
        "Content-Type: image/png",
        "",
    ],
)
def test_a_multipart_part_without_a_name_is_refused(url, seven, part):
    body = f"--x\r\n{part}\r\n\r\n".encode() + seven + b"\r\n--x--\r\n"
    response = requests.post(url, body, headers={"Content-Type": "multipart/form-data; boundary=x"}, timeout=10)
    assert response.status_code == 400


def test_the_largest_bulk_request_is_answered(server, test_images):
    response = requests.post(f"{server.inference}/predictions/mnist", npy(test_images), timeout=30)
    assert len(response.json()["predictions"]) == 10_000


def test_a_body_above_the_limit_is_413_and_the_server_goes_on(server, seven, expected):
    url = f"{server.inference}/predictions/mnist"
    with contextlib.suppress(requests.ConnectionError):  # it may close while we still send, as HTTP allows
        assert requests.post(url, bytes(50_000_000), timeout=30).status_code == 413
    assert_same_predictions([requests.post(url, seven, timeout=10).json()], [expected])


def test_an_unknown_model_or_version_is_404(server, seven):
    for path in ("predictions/nobody", "predictions/mnist/9.9"):
        assert requests.post(f"{server.inference}/{path}", seven, timeout=10).status_code == 404
