"""In any batch, each request gets a response in a documented form, and a good one the right prediction."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.corpus import read_corpus
from tests.handlers.strategies import requests
from tests.support.assertions import assert_is_prediction, npy

JSON, NPY = "application/json", "application/x-npy"


def assert_in_form(reply):
    """Check that a response has one of the documented forms."""
    assert reply.status in (200, 400)
    if reply.content_type == NPY:
        assert reply.status == 200
        array = np.load(io.BytesIO(reply.body))
        assert (array.dtype, array.shape[1:]) == (np.float32, (10,))
        return
    assert reply.content_type == JSON
    if reply.status == 400:
        assert set(reply.json) == {"error"}
        assert 0 < len(reply.json["error"]) < 700
    else:
        assert {"digit", "predictions", "outputs"} & reply.json.keys()


@pytest.mark.filterwarnings("ignore")  # Pillow's, about damaged files
@settings(max_examples=80, deadline=None)
@given(st.lists(requests, max_size=5), st.data())
def test_each_request_of_a_batch_is_answered_and_the_good_one_right(mnist_handler, seven, others, data):
    at = data.draw(st.integers(0, len(others)))
    batch = [*others[:at], ({"body": bytearray(seven)}, {}), *others[at:]]
    replies = mnist_handler.batch([parts for parts, _ in batch], [headers for _, headers in batch])
    assert len(replies) == len(batch)
    for reply in replies:
        assert_in_form(reply)
    assert replies[at].status == 200
    assert_is_prediction(replies[at].json, 7)


@pytest.mark.filterwarnings("ignore")
def test_every_body_of_the_fuzzers_corpus_is_answered(mnist_handler):
    bodies = read_corpus()
    assert len(bodies) > 100
    for at in range(0, len(bodies), 32):
        batch = [{"body": bytearray(body)} for body in bodies[at : at + 32]]
        for reply in mnist_handler.batch(batch, [{}] * len(batch)):
            assert_in_form(reply)


@settings(max_examples=60, deadline=None)
@given(requests)
def test_xor_answers_any_request(xor_handler, request):
    reply, neighbour = xor_handler.batch(
        [request[0], {"body": bytearray(b'{"instances": [[0, 1]]}')}], [request[1], {}]
    )
    assert reply.status in (200, 400)
    assert set(reply.json) == ({"predictions"} if reply.status == 200 else {"error"})
    assert neighbour.json["predictions"][0]["output"] == 1


def test_no_micro_batch_has_more_digits_than_one_request_may(mnist_handler, monkeypatch):
    seen = []
    ask = mnist_handler.handler.inference
    monkeypatch.setattr(mnist_handler.handler, "inference", lambda pixels: (seen.append(len(pixels)), ask(pixels))[1])
    counts = [1, 6000, 5000, 10_000, 1, 1]
    bodies = [bytearray(npy(np.full((count, 784), i, np.uint8))) for i, count in enumerate(counts)]
    replies = mnist_handler.batch([{"body": body} for body in bodies], [{"Accept": NPY}] * len(bodies))
    assert seen == [6001, 5000, 10_000, 2]  # all at once would take 3 GB where 32 requests have 10,000 each
    for i, (count, reply) in enumerate(zip(counts, replies, strict=True)):
        alone = mnist_handler.one({"body": bytearray(npy(np.full((1, 784), i, np.uint8)))}, {"Accept": NPY})
        array = np.load(io.BytesIO(reply.body))
        assert len(array) == count
        np.testing.assert_allclose(array, np.repeat(np.load(io.BytesIO(alone.body)), count, axis=0), rtol=1e-4)
