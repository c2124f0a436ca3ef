"""What goes back to TorchServe's frontend, against what TorchServe's own worker would send."""

from __future__ import annotations

import pytest
from ts.context import Context
from ts.protocol.otf_message_handler import create_predict_response, encode_response_headers
from ts.service import Service

from handlers.messages import STATUS_PHRASES, RawRequest, Response
from tests.support.handlers import Asked
from torchserve_patches import fast_path

ANSWERS = [
    Response(b'{"digit":7}'),
    Response(b'{"error":"no"}', status=400, outcome="no_digit"),
    Response(b"\x93NUMPY\xff\0", content_type="application/x-npy"),
    Response("숫자".encode(), status=500, outcome="failed"),
    Response(b""),
]


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.setattr(Service, "predict", Service.predict)


@pytest.fixture
def batch():
    return [RawRequest(f"id-{i}", {"explain": "False"}, {"body": b"x"}) for i in range(len(ANSWERS))]


def test_answers_are_encoded_as_torchserve_encodes_them(batch, mnist):
    context: Context = mnist.context
    Asked(mnist.handler, context).batch([{"body": b"x"}] * len(batch))  # a context of this many requests
    for i, answer in enumerate(ANSWERS):
        context.set_response_content_type(i, answer.content_type)
        context.set_response_status(answer.status, STATUS_PHRASES[answer.status], i)
    ids = {i: request.id for i, request in enumerate(batch)}
    expected = create_predict_response([a.body for a in ANSWERS], ids, "Prediction success", 200, context=context)
    for answer in ANSWERS:  # TorchServe writes the type twice, the second time as a header; the frontend needs one
        headers = {"content-type": answer.content_type}
        expected = expected.replace(encode_response_headers(headers), encode_response_headers({}))
    assert fast_path.encode_responses(batch, ANSWERS) == bytes(expected)


def test_an_empty_batch_has_an_answer_too():
    expected = create_predict_response([], {}, "Prediction success", 200)
    assert fast_path.encode_responses([], []) == bytes(expected)


def test_the_worker_answers_what_the_handler_says(batch):
    fast_path.replace_predict(lambda taken: ANSWERS[: len(taken)])
    assert Service.predict(None, batch) == fast_path.encode_responses(batch, ANSWERS)


@pytest.mark.parametrize("fault", [RuntimeError("broken"), MemoryError()])
def test_a_handler_that_raises_is_answered_503_and_the_worker_lives(batch, fault, caplog):
    def fail(_):
        raise fault

    fast_path.replace_predict(fail)
    ids = {i: request.id for i, request in enumerate(batch)}
    assert Service.predict(None, batch) == bytes(create_predict_response(None, ids, "Prediction failed", 503))
    assert "a batch failed" in caplog.text


def test_too_few_answers_are_no_answers(batch):
    fast_path.replace_predict(lambda _: ANSWERS[:1])
    assert b"Prediction failed" in Service.predict(None, batch)
