"""The client retries a full queue a bounded number of times. A stand-in answers, whose queue is full on demand."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from serving.client import Client, ServiceError

ANSWER = b'{"digit": 7, "confidence": 1.0, "probabilities": [0, 0, 0, 0, 0, 0, 0, 1.0, 0, 0]}'


@pytest.fixture
def busy():
    """Serve 503 as many times as `busy.left` says, then a prediction."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.server.asked += 1
            is_busy = self.server.asked <= self.server.left
            body = b'{"code": 503, "message": "no worker"}' if is_busy else ANSWER
            self.send_response(503 if is_busy else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.asked, server.left = 0, 0
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


def test_a_full_queue_is_tried_again(busy):
    busy.left = 2
    with Client(f"http://127.0.0.1:{busy.server_port}", retries=3) as client:
        assert client.predict("mnist", b"x")["digit"] == 7
    assert busy.asked == 3


def test_a_queue_that_stays_full_is_given_up(busy):
    busy.left = 100
    with Client(f"http://127.0.0.1:{busy.server_port}", retries=2) as client:
        with pytest.raises(ServiceError, match="no worker") as error:
            client.predict("mnist", b"x")
    assert error.value.status == 503
    assert busy.asked == 3
