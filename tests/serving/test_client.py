"""The client with the real server, and its errors without one."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from serving.client import Client, InferenceClient, ServiceError
from tests.support.assertions import png

pytestmark = pytest.mark.server


def test_predict_takes_a_path_bytes_an_image_and_numbers(client, seven, test_images, tmp_path):
    path = tmp_path / "a seven.png"
    path.write_bytes(seven)
    pixels = test_images[0]
    inputs = [path, str(path), seven, Image.fromarray(pixels), pixels, pixels.ravel(), pixels / 255, pixels.tolist()]
    predictions = [client.predict("mnist", data) for data in inputs]
    assert [p["digit"] for p in predictions] == [7] * len(inputs)
    np.testing.assert_allclose([p["confidence"] for p in predictions], predictions[0]["confidence"], rtol=1e-4)
    assert sum(predictions[0]["probabilities"]) == pytest.approx(1, abs=1e-5)


def test_a_model_of_numbers_takes_arrays_lists_and_request_files(client, root, tmp_path):
    file = tmp_path / "all.json"
    file.write_text('{"instances": [[0, 0], [0, 1], [1, 0], [1, 1]]}')
    for data in ([0, 1], np.array([0, 1]), root / "model/xor/sample.json", b'{"instances": [[1, 0]]}'):
        assert client.predict("xor", data)["output"] == 1
    assert [p["output"] for p in client.request("xor", file)] == [0, 1, 1, 0]
    assert client.predict("xor", file)["output"] == 0
    assert [p["output"] for p in client.predict_many("xor", [[0, 0], [0, 1], [1, 1]])] == [0, 1, 0]


def test_predictions_need_no_management_api(server, seven):
    with InferenceClient(server.inference) as inference:
        assert inference.predict("mnist", seven)["digit"] == 7


def test_predict_asks_the_version_named(client, seven):
    assert client.predict("mnist", seven, version="1.0")["digit"] == 7
    with pytest.raises(ServiceError, match=r"9\.9") as error:
        client.predict("mnist", seven, version="9.9")
    assert error.value.status == 404


def test_predict_many_keeps_the_order_of_whatever_it_is_given(client, test_images, test_labels):
    expected = [p["digit"] for p in client.predict_many("mnist", test_images[:20])]
    mixed = [png(pixels) if i % 2 else pixels / 255 for i, pixels in enumerate(test_images[:20])]
    assert [p["digit"] for p in client.predict_many("mnist", mixed)] == expected
    assert np.mean(np.array(expected) == test_labels[:20]) > 0.8


def test_predict_many_splits_what_one_body_cannot_hold(client, test_images):
    paper = np.random.default_rng(0).integers(220, 236, (2000, 2500), np.uint8)
    ink = Image.fromarray(test_images[0]).resize((1000, 1000))
    paper[500:1500, 700:1700] -= np.asarray(ink) // 2
    photo = png(paper)
    assert 4 * len(photo) > 8 * 1024**2, "the server's limit"
    assert [p["digit"] for p in client.predict_many("mnist", [photo] * 4)] == [7] * 4


def test_predict_many_of_nothing_is_nothing(client):
    assert client.predict_many("mnist", []) == []
    assert client.predict_many("mnist", np.zeros((0, 28, 28), np.uint8)) == []


def test_explain_adds_the_attribution_and_what_the_net_saw(client, seven, test_images):
    explanation = client.explain("mnist", seven)
    assert explanation["digit"] == 7
    assert np.shape(explanation["attribution"]) == (28, 28)
    assert explanation["pixels"] == test_images[0].tolist()


def test_a_model_that_explains_nothing_says_so(client):
    with pytest.raises(ServiceError, match="xor offers no explanations") as error:
        client.explain("xor", [0, 1])
    assert error.value.status == 400


def test_models_and_describe_tell_what_is_served(client):
    assert client.models() == {"mnist": "mnist.mar", "xor": "xor.mar"}
    description = client.describe("mnist", customized=True)
    assert description["modelVersion"] == "1.0"
    assert description["customizedMetadata"]["labels"] == list("0123456789")


def test_a_model_is_registered_scaled_made_default_and_removed(client, seven, model_store, root):
    archive = [sys.executable, "-m", "training.archive", "mnist", "--version", "2.0", "--model-store"]
    subprocess.run([*archive, str(model_store / "second")], cwd=root, check=True, capture_output=True)
    shutil.move(model_store / "second/mnist.mar", model_store / "mnist-2.0.mar")

    assert "2.0" in client.register("mnist-2.0.mar")
    assert client.predict("mnist", seven, version="2.0")["digit"] == 7
    client.set_default("mnist", "2.0")
    assert client.describe("mnist")["modelVersion"] == "2.0"
    client.scale("mnist", 2, version="2.0")
    assert len(client.describe("mnist", "2.0")["workers"]) == 2
    client.set_default("mnist", "1.0")
    client.unregister("mnist", "2.0")
    with pytest.raises(ServiceError):
        client.describe("mnist", "2.0")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.mar", "file:///etc/x.mar", "https://example.org/x.mar"])
def test_nothing_is_registered_from_elsewhere(client, url):
    with pytest.raises(ServiceError, match="does not match any allowed URL"):
        client.register(url)


def test_an_error_carries_the_servers_sentence(client):
    with pytest.raises(ServiceError, match="the 5 bytes are not an image in a known format") as error:
        client.predict("mnist", b"hello")
    assert error.value.status == 400


def test_no_server_is_said_with_the_remedy():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}", retries=1) as client,
        pytest.raises(ServiceError, match="make serve") as error,
    ):
        client.predict("mnist", b"x")
    assert error.value.status is None


def test_a_server_that_never_answers_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            Client(url, timeout_s=0.2, retries=0) as client,
            pytest.raises(ServiceError, match="did not answer in time"),
        ):
            client.predict("mnist", b"x")
