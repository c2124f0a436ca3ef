"""The fast path reads the same requests, however they arrive, and writes the same responses as TorchServe's worker."""

from __future__ import annotations

import json
import socket
import struct
import threading

import pytest
import ts
from hypothesis import given, settings
from hypothesis import strategies as st
from ts.context import Context
from ts.protocol import otf_message_handler
from ts.protocol.otf_message_handler import create_predict_response, encode_response_headers
from ts.service import Service

from handlers.messages import FAILED, STATUS_PHRASES, RawRequest, Response, lowercase_headers
from torchserve_patches import fast_path

END = struct.pack("!i", -1)
REPLACED = ("_retrieve_buffer", "_retrieve_int", "_retrieve_request")
ORIGINAL = {name: getattr(otf_message_handler, name) for name in REPLACED}


def field(value):
    return struct.pack("!i", len(value)) + value


def request(request_id, headers, parameters):
    """Write a request as ModelRequestEncoder.java does."""
    written = field(request_id.encode())
    for name, value in headers:
        written += field(name.encode()) + field(value.encode())
    written += END
    for name, content_type, value in parameters:
        written += field(name.encode()) + field(content_type.encode()) + field(value)
    return written + END


def predict(*requests):
    return b"I" + b"".join(request(*r) for r in requests) + END


HEADERS = [("Host", "127.0.0.1:8080"), ("explain", "False"), ("url_path", ""), ("X-Name", "숫자 é")]
MESSAGES = {
    "load": b"L" + field(b"mnist") + field(b"/m") + struct.pack("!i", 16) + field(b"h.py") + END + field(b"") + b"\1",
    "one": predict(("id-1", HEADERS, [("body", "image/png", b"\x89PNG\0\xff\xff\xff\xff" * 3)])),
    "batch": predict(*[(f"id-{i}", HEADERS[:i], [("body", "", bytes(i))]) for i in range(4)]),
    "empty batch": predict(),
    "no header": predict(("id", [], [("body", "", b"1")])),
    "no parameter": predict(("id", [("describe", "True")], [])),
    "multipart": predict(("id", HEADERS, [("é", "image/png", b"1"), ("b", "text/plain", b"\xe9"), ("c", "", b"")])),
    "json": predict(("id", HEADERS, [("body", "application/json", b'{"instances": [[1, "\xc3\xa9"]]}')])),
    "broken json": predict(("id", HEADERS, [("body", "application/json", b"{")])),
    "larger than a read": predict(("id", [], [("body", "", bytes(300_000))]), ("id-2", HEADERS, [("b", "", b"2")])),
}


class Pieces:
    """A connection from which each recv gets one piece, or as much of it as it asked for."""

    def __init__(self, *pieces):
        self.pieces = [piece for piece in pieces if piece]

    def recv(self, size):
        piece, *rest = self.pieces or [b""]
        self.pieces = [piece[size:], *rest] if piece[size:] else rest
        return piece[:size]


@pytest.fixture(params=["false", "true"], ids=["bytes", "decoded"])
def decoding(request, monkeypatch):
    """TorchServe's decode_input_request, off as in our config.properties and on as by default."""
    monkeypatch.setenv("TS_DECODE_INPUT_REQUEST", request.param)
    monkeypatch.setattr(fast_path, "_decodes", request.param == "true")


@pytest.fixture(autouse=True)
def restored(monkeypatch):
    monkeypatch.delenv("SERVING_FAST_PATH", raising=False)
    monkeypatch.setattr(Service, "predict", Service.predict)
    for name, function in ORIGINAL.items():
        monkeypatch.setattr(otf_message_handler, name, function)


def install():
    return fast_path.install(lambda batch: batch)


def read_all(connection, count):
    return [otf_message_handler.retrieve_msg(connection) for _ in range(count)]


def read_as_torchserve(*written):
    """Read messages with TorchServe's own functions; return each kind with the requests that a handler would see."""
    for name, function in ORIGINAL.items():
        setattr(otf_message_handler, name, function)
    return [
        (kind, message if kind == b"L" else raw_requests(message))
        for kind, message in read_all(Pieces(b"".join(written)), len(written))
    ]


def raw_requests(batch):
    headers, parts, ids = Service.retrieve_data_for_inference(batch)
    return [
        RawRequest(ids[i], lowercase_headers(headers[i].get_request_properties()), parts[i]) for i in range(len(batch))
    ]


@pytest.mark.usefixtures("decoding")
@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_split_at_any_byte_is_what_torchserve_reads(name):
    message = MESSAGES[name]
    expected = read_as_torchserve(message)
    for cut in range(1, len(message), 1 if len(message) < 1000 else 4999):
        assert install()
        assert read_all(Pieces(message[:cut], message[cut:]), 1) == expected


@pytest.mark.usefixtures("decoding")
@pytest.mark.parametrize("name", [name for name in MESSAGES if name != "larger than a read"])
def test_a_message_that_comes_byte_by_byte_is_what_torchserve_reads(name):
    message = MESSAGES[name]
    expected = read_as_torchserve(message)
    install()
    assert read_all(Pieces(*[message[i : i + 1] for i in range(len(message))]), 1) == expected


@pytest.mark.usefixtures("decoding")
def test_all_messages_in_one_piece_are_read_one_by_one():
    expected = read_as_torchserve(*MESSAGES.values())
    install()
    assert read_all(Pieces(b"".join(MESSAGES.values())), len(MESSAGES)) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(sorted(MESSAGES)), min_size=1, max_size=5), st.lists(st.integers(1, 200), max_size=40))
def test_any_messages_in_any_pieces_are_what_torchserve_reads(names, sizes):
    written = [MESSAGES[name] for name in names]
    expected = read_as_torchserve(*written)
    install()
    stream, pieces = b"".join(written), []
    for size in sizes:
        pieces.append(stream[:size])
        stream = stream[size:]
    assert read_all(Pieces(*pieces, stream), len(written)) == expected


def test_a_reader_installed_after_the_load_message_misses_nothing():
    """TorchServe reads the load message, the handler installs the reader, the first batch may already be there."""
    connection = Pieces(MESSAGES["load"] + MESSAGES["one"])
    expected = read_as_torchserve(MESSAGES["load"], MESSAGES["one"])
    loaded = read_all(connection, 1)
    install()
    assert loaded + read_all(connection, 1) == expected


@pytest.mark.usefixtures("decoding")
@pytest.mark.parametrize("name", ["load", "one", "batch", "multipart"])
def test_a_frontend_that_goes_away_in_the_middle_ends_the_worker_in_order(name):
    message = MESSAGES[name]
    for cut in range(len(message)):
        install()
        with pytest.raises(SystemExit) as end:
            otf_message_handler.retrieve_msg(Pieces(message[:cut]))
        assert end.value.code == 0


def test_a_real_socket_is_read_while_it_is_written():
    expected = read_as_torchserve(*MESSAGES.values())
    install()
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        writer = threading.Thread(target=theirs.sendall, args=(b"".join(MESSAGES.values()),))
        writer.start()
        assert read_all(ours, len(MESSAGES)) == expected
        writer.join()


def test_another_torchserve_is_left_alone(monkeypatch):
    monkeypatch.setattr(ts, "__version__", "0.12.1")
    assert not install()
    assert {name: getattr(otf_message_handler, name) for name in REPLACED} == ORIGINAL


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("SERVING_FAST_PATH", "false")
    assert not install()
    assert {name: getattr(otf_message_handler, name) for name in REPLACED} == ORIGINAL


RESPONSES = [
    Response(b'{"digit":7}'),
    Response(b'{"error":"no"}', status=400, outcome="no_digit"),
    Response(b"\x93NUMPY\xff\0", content_type="application/x-npy"),
    Response("숫자".encode(), status=500, outcome="failed"),
    Response(b""),
]


@pytest.fixture
def batch():
    return [RawRequest(f"id-{i}", {"explain": "False"}, {"body": b"x"}) for i in range(len(RESPONSES))]


def test_responses_are_encoded_as_torchserve_encodes_them(batch, mnist_handler):
    context: Context = mnist_handler.context
    mnist_handler.batch([{"body": b"x"}] * len(batch))  # a context of this many requests
    for i, response in enumerate(RESPONSES):
        context.set_response_content_type(i, response.content_type)
        context.set_response_status(response.status, STATUS_PHRASES[response.status], i)
    ids = {i: request.id for i, request in enumerate(batch)}
    expected = create_predict_response([r.body for r in RESPONSES], ids, "Prediction success", 200, context=context)
    for response in RESPONSES:  # TorchServe writes the type twice, the second time as a header; the frontend needs one
        headers = {"content-type": response.content_type}
        expected = expected.replace(encode_response_headers(headers), encode_response_headers({}))
    assert fast_path.encode_responses(batch, RESPONSES) == bytes(expected)


def test_an_empty_batch_is_answered_too():
    expected = create_predict_response([], {}, "Prediction success", 200)
    assert fast_path.encode_responses([], []) == bytes(expected)


def test_the_worker_sends_the_handlers_responses(batch):
    fast_path.replace_predict(lambda taken: RESPONSES[: len(taken)])
    assert Service.predict(None, batch) == fast_path.encode_responses(batch, RESPONSES)


@pytest.mark.parametrize("fault", [RuntimeError("broken"), MemoryError()])
def test_a_handler_that_raises_is_answered_500_and_the_worker_lives(batch, fault, caplog):
    def fail(_):
        raise fault

    fast_path.replace_predict(fail)
    assert Service.predict(None, batch) == fast_path.encode_responses(batch, [FAILED] * len(batch))
    assert (FAILED.status, set(json.loads(FAILED.body))) == (500, {"error"})
    assert "a batch failed" in caplog.text


def test_too_few_responses_fail_the_batch(batch):
    fast_path.replace_predict(lambda _: RESPONSES[:1])
    assert Service.predict(None, batch) == fast_path.encode_responses(batch, [FAILED] * len(batch))


@pytest.mark.parametrize("fault", [RuntimeError("broken"), MemoryError()])
def test_a_failure_of_our_own_code_is_500_to_each_request_and_is_counted_without_the_fast_path_too(
    mnist_handler, monkeypatch, fault
):
    def fail(_):
        raise fault

    monkeypatch.setattr(mnist_handler.handler, "_predict_each", fail)
    counted = []
    monkeypatch.setattr(mnist_handler.handler.metrics, "add", counted.append)
    replies = mnist_handler.batch([{"body": b"[]"}] * 3)
    assert [(reply.status, set(reply.json)) for reply in replies] == [(500, {"error"})] * 3
    assert [(batch.size, batch.refused) for batch in counted] == [(3, ["failed"] * 3)]
