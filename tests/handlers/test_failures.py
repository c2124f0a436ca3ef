"""A model that fails on one request: that request gets 500, and the rest of its batch its predictions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.assertions import npy, png


def poison(handler, monkeypatch, *, method):
    """Make `inference` or `postprocess` raise for any batch with a black image; return the sizes of the batches."""
    ask, sizes = handler.inference, []

    def inference(inputs):
        sizes.append(len(inputs))
        if method == "inference" and (inputs.sum(dim=(1, 2)) == 0).any():
            raise RuntimeError("CUDA out of memory")
        return ask(inputs)

    monkeypatch.setattr(handler, "inference", inference)
    if method == "postprocess":
        name = handler.postprocess

        def postprocess(outputs):
            if len(outputs) >= 7:
                raise IndexError("poisoned")
            return name(outputs)

        monkeypatch.setattr(handler, "postprocess", postprocess)
    return sizes


def test_a_request_that_inference_fails_on_gets_500_and_the_others_their_digits(
    mnist_handler, test_images, monkeypatch, caplog
):
    sizes = poison(mnist_handler.handler, monkeypatch, method="inference")
    black = {"body": bytearray(npy(np.zeros((1, 784), np.uint8)))}
    batch = [{"body": bytearray(png(image))} for image in test_images[:9]]
    replies = mnist_handler.batch([*batch[:4], black, *batch[4:]])
    assert [reply.status for reply in replies] == [200] * 4 + [500] + [200] * 5
    assert [reply.json["digit"] for reply in replies if reply.status == 200] == [7, 2, 1, 0, 4, 1, 4, 9, 5]
    assert sizes == [10] + [1] * 10
    assert "CUDA out of memory" in caplog.text
    assert set(replies[4].json) == {"error"}
    assert "CUDA" not in replies[4].json["error"]


def test_a_request_that_postprocess_fails_on_gets_500(mnist_handler, seven, test_images, monkeypatch):
    poison(mnist_handler.handler, monkeypatch, method="postprocess")
    bulk = {"body": bytearray(npy(test_images[:7]))}
    assert [reply.status for reply in mnist_handler.batch([{"body": bytearray(seven)}, bulk])] == [200, 500]


def test_a_model_that_always_fails_fails_each_request(mnist_handler, seven, monkeypatch):
    def inference(_):
        raise RuntimeError("broken")

    monkeypatch.setattr(mnist_handler.handler, "inference", inference)
    replies = mnist_handler.batch([{"body": bytearray(seven)}] * 3)
    assert [reply.status for reply in replies] == [500] * 3


def test_outputs_that_are_not_one_for_each_input_are_a_failure(mnist_handler, seven, monkeypatch):
    monkeypatch.setattr(mnist_handler.handler, "postprocess", lambda outputs: {"digit": np.zeros(len(outputs) + 1)})
    assert mnist_handler.body(seven).status == 500


def test_an_explanation_that_fails_is_500_to_its_request(mnist_handler, seven, monkeypatch):
    def explain(*_):
        raise RuntimeError("no gradient")

    monkeypatch.setattr(mnist_handler.handler, "explain", explain)
    good = {"body": bytearray(seven)}
    assert [r.status for r in mnist_handler.batch([good, good], [{"explain": "True"}, {}])] == [500, 200]


def test_failures_are_counted_as_ours(mnist_handler, seven, monkeypatch):
    batches = []
    monkeypatch.setattr(mnist_handler.handler.metrics, "add", batches.append)
    poison(mnist_handler.handler, monkeypatch, method="inference")
    black = {"body": bytearray(npy(np.zeros((1, 784), np.uint8)))}
    mnist_handler.batch([{"body": bytearray(seven)}, black, {"body": bytearray(b"no image")}])
    assert [(batch.size, sorted(batch.refused)) for batch in batches] == [(3, ["bad_request", "failed"])]


@pytest.mark.parametrize("count", [1, 3])
def test_a_model_without_explanations_says_so(xor_handler, count):
    reply = xor_handler.json({"instances": [[0, 1]] * count}, explain="True")
    assert reply.status == 400
    assert "/predictions/xor" in reply.json["error"]
