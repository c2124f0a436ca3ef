"""The web server of the page: the files of web/, and the models' routes, which it forwards to TorchServe.

`tsctl serve` runs it beside TorchServe, which serves no files; in containers the gateway has this role. It listens on
the loopback alone and checks the Host header, so that a web site cannot reach it through DNS rebinding.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from model.config import ModelConfig
from serving import openapi
from serving.torchserve.preflight import port_error

WEB = Path(__file__).resolve().parent.parent / "web"
DEFAULT_PORT = "8000"
BODY_LIMIT_BYTES = 8 * 2**20
FORWARD_TIMEOUT_S = 60.0
ALLOWED_HOSTS = {"127.0.0.1", "localhost", "::1"}
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {  # the same as the gateway's (docker/gateway/nginx.conf)
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-cache",
}
STATUS_HEADERS = {405: ("Allow", "POST, PUT"), 429: ("Retry-After", "1"), 503: ("Retry-After", "5")}


class UiServer(ThreadingHTTPServer):
    """Serves the page at `port` of 127.0.0.1 (0: any free one) and forwards requests to `models` at `inference`, a URL.

    As at the gateway, only models with `gateway: true` get any.
    """

    def __init__(self, inference: str, models: Sequence[ModelConfig], port: int) -> None:
        self.inference = urlsplit(inference).netloc
        self.models = [model for model in models if model.gateway]
        self.files = {f"/{path.name}": path for path in WEB.iterdir() if path.suffix in CONTENT_TYPES}
        self.files["/"] = WEB / "index.html"
        self.openapi = openapi.to_yaml(self.models).encode()
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def route(self, path: str) -> str | None:
        """Return TorchServe's path for a request to `path`, or None where nothing is forwarded.

        The routes of the V1 and V2 protocols are other names of /predictions.
        """
        for model in self.models:
            name = re.escape(model.name)
            verbs = "predictions|explanations" if model.explanation else "predictions"
            if re.fullmatch(rf"/(?:{verbs})/{name}(?:/[0-9.]+)?", path):
                return path
            if path == f"/v1/models/{model.name}:predict" or (
                model.protocols.v2 and path == f"/v2/models/{model.name}/infer"
            ):
                return f"/predictions/{model.name}"
        return None

    def handle_error(self, *args: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # the browser disconnected
            super().handle_error(*args)


@contextlib.contextmanager
def running(inference: str, models: Sequence[ModelConfig], port: str = DEFAULT_PORT) -> Iterator[str]:
    """Serve the page in the background while the context lasts. Yields a sentence with its URL, or with the error."""
    try:
        if not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"{port!r} is not a port number")
        server = UiServer(inference, models, int(port))
    except (OSError, ValueError) as error:
        reason = port_error("127.0.0.1", int(port), error) if isinstance(error, OSError) else error
        yield f"The page is not available: {reason}; choose a port from 1 to 65535 with SERVING_UI_PORT.\n"
        return
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"Or open the page: {server.url}\n"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: UiServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "serving", ""
    timeout = 30
    wbufsize = -1
    disable_nagle_algorithm = True
    unread_bytes = 0

    def _handle(self) -> None:
        path = self.path.partition("?")[0]
        length = self.headers.get("Content-Length", "0")
        self.unread_bytes = int(length) if re.fullmatch("[0-9]{1,18}", length) else -1
        if not _is_allowed_host(self.headers.get_all("Host", [])):
            self._send_error(403, f"this server is only for this machine; open {self.server.url}")
        elif self.unread_bytes < 0 or "Transfer-Encoding" in self.headers:
            self._send_error(411, "say the length of the body in the header Content-Length")
        elif target := self.server.route(path):
            self._forward(target)
        elif path in self.server.files and self.command in ("GET", "HEAD"):
            file = self.server.files[path]
            self._respond(200, f"{CONTENT_TYPES[file.suffix]}; charset=utf-8", file.read_bytes())
        elif path == "/openapi.yaml" and self.command in ("GET", "HEAD"):
            self._respond(200, "application/yaml; charset=utf-8", self.server.openapi)
        else:
            paths = ", ".join(f"/predictions/{model.name}" for model in self.server.models)
            self._send_error(404, f"not found; send requests to {paths or 'no path: no model is served'}")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle  # noqa: N815

    def _forward(self, path: str) -> None:
        """Send the request on to TorchServe. Its full queue, 503, becomes 429: the client should slow down."""
        if self.command not in ("POST", "PUT"):
            return self._send_error(405, "this path accepts only POST, PUT")
        if self.unread_bytes > BODY_LIMIT_BYTES:
            return self._send_error(413, "the body is larger than 8 MiB")
        body = self.rfile.read(self.unread_bytes)
        if len(body) < self.unread_bytes:
            return None  # the client disconnected
        self.unread_bytes = 0
        try:
            status, content_type, response = self._request(path, body)
        except (OSError, http.client.HTTPException):
            return self._send_error(503, "no server is ready; try again in a moment")
        if status == 503:
            return self._send_error(429, "too many requests at once; slow down")
        return self._respond(status, content_type, response)

    def _request(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        """Ask TorchServe. Returns status, content type and body; raises OSError or HTTPException."""
        connection = http.client.HTTPConnection(self.server.inference, timeout=FORWARD_TIMEOUT_S)
        headers = {name: self.headers[name] for name in ("Content-Type", "Accept") if name in self.headers}
        if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            headers["Content-Type"] = "application/octet-stream"  # curl's default, which TorchServe would refuse
        with contextlib.closing(connection):
            connection.request(self.command, path, body, headers)
            response = connection.getresponse()
            return response.status, response.getheader("Content-Type", "application/json"), response.read()

    def _respond(self, status: int, content_type: str, body: bytes) -> None:
        self.close_connection = self.close_connection or self.unread_bytes != 0
        self.send_response(status)
        headers = {**HEADERS, "Content-Type": content_type, "Content-Length": str(len(body))}
        if status in STATUS_HEADERS:
            name, value = STATUS_HEADERS[status]
            headers[name] = value
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_error(self, status: int, sentence: str) -> None:
        self._respond(status, "application/json", json.dumps({"error": sentence}).encode() + b"\n")
        self.wfile.flush()
        left = min(self.unread_bytes, 4 * BODY_LIMIT_BYTES)  # a client that is still sending would miss the response
        while left > 0 and (piece := self.rfile.read1(min(left, 2**16))):
            left -= len(piece)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error that the standard library found as JSON, like all others."""
        self.close_connection = True
        self._send_error(code, f"{explain or message or 'the server does not understand this request'}")

    def log_message(self, *_: object) -> None:
        pass


def _is_allowed_host(hosts: list[str]) -> bool:
    try:
        return len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname in ALLOWED_HOSTS
    except ValueError:
        return False
