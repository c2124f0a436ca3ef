"""The page where a person draws a digit, on this machine: the files of web/, and the two routes that the page asks.

`python -m serving start` runs it beside TorchServe, which serves no files; in containers the gateway does this. Only
the loopback reaches it, and only by its own name: a web site that points a name of its own here gets nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from serving.torchserve.preflight import unavailable

WEB = Path(__file__).resolve().parent.parent / "web"
DEFAULT_PORT = "8000"
BODY_LIMIT_BYTES = 8 * 2**20
ANSWER_TIMEOUT_S = 60.0
HOSTS = {"127.0.0.1", "localhost", "::1"}
PASSED_ON = re.compile(r"/(?:predictions|explanations)/mnist(?:/[0-9.]+)?|/predictions/xor")
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {  # the gateway's own (docker/gateway/nginx.conf)
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
REMEDIES = {405: ("Allow", "POST, PUT"), 429: ("Retry-After", "1"), 503: ("Retry-After", "5")}


class PageServer(ThreadingHTTPServer):
    """Serves the page at `port` of 127.0.0.1 (0: any free one) and passes what it asks on to `inference`."""

    def __init__(self, inference: str, port: int) -> None:
        self.inference = urlsplit(inference).netloc
        self.files = {f"/{path.name}": path for path in WEB.iterdir() if path.suffix in TYPES}
        self.files["/"] = WEB / "index.html"
        super().__init__(("127.0.0.1", port), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *args: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a browser that went away is no error
            super().handle_error(*args)


@contextlib.contextmanager
def running(inference: str, port: str = DEFAULT_PORT) -> Iterator[str]:
    """Serve the page in the background while the context lasts. Yields where it is, or why it is not."""
    try:
        if not port.isdecimal() or int(port) > 65535:
            raise ValueError(f"{port!r} is no port")
        server = PageServer(inference, int(port))
    except (OSError, ValueError) as error:
        why = unavailable("127.0.0.1", int(port), error) if isinstance(error, OSError) else error
        yield f"The page to draw on is not there: {why}; choose another port with SERVING_UI_PORT, from 1 to 65535.\n"
        return
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"Or draw a digit: {server.url}\n"
        finally:
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "mnist", ""
    timeout = 30
    wbufsize = -1
    disable_nagle_algorithm = True
    unread_bytes = 0

    def answer(self) -> None:
        path = self.path.partition("?")[0]
        length = self.headers.get("Content-Length", "0")
        self.unread_bytes = int(length) if re.fullmatch("[0-9]{1,18}", length) else -1
        if not _is_own(self.headers.get_all("Host", [])):
            self.refuse(403, f"this server is only for this machine; open {self.server.url}")
        elif self.unread_bytes < 0 or "Transfer-Encoding" in self.headers:
            self.refuse(411, "say the length of the body in the header Content-Length")
        elif PASSED_ON.fullmatch(path):
            self.pass_on(path)
        elif path in self.server.files and self.command in ("GET", "HEAD"):
            file = self.server.files[path]
            self.respond(200, f"{TYPES[file.suffix]}; charset=utf-8", file.read_bytes())
        else:
            self.refuse(404, "not found; send digits to /predictions/mnist")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def pass_on(self, path: str) -> None:
        """Ask TorchServe. Its full queue, 503, means that the client should slow down, 429."""
        if self.command not in ("POST", "PUT"):
            return self.refuse(405, "this path accepts only POST, PUT")
        if self.unread_bytes > BODY_LIMIT_BYTES:
            return self.refuse(413, "the body is larger than 8 MiB")
        body = self.rfile.read(self.unread_bytes)
        if len(body) < self.unread_bytes:
            return None  # the client went away
        self.unread_bytes = 0
        try:
            status, content_type, answer = self.asked(path, body)
        except (OSError, http.client.HTTPException):
            return self.refuse(503, "no server is ready; try again in a moment")
        if status == 503:
            return self.refuse(429, "too many requests at once; slow down")
        return self.respond(status, content_type, answer)

    def asked(self, path: str, body: bytes) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(self.server.inference, timeout=ANSWER_TIMEOUT_S)
        headers = {name: self.headers[name] for name in ("Content-Type", "Accept") if name in self.headers}
        if headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            headers["Content-Type"] = "application/octet-stream"  # curl's default, with which the bytes would be lost
        with contextlib.closing(connection):
            connection.request(self.command, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", "application/json"), answer.read()

    def respond(self, status: int, content_type: str, body: bytes) -> None:
        self.close_connection = self.close_connection or self.unread_bytes != 0
        self.send_response(status)
        headers = {**HEADERS, "Content-Type": content_type, "Content-Length": str(len(body))}
        if status in REMEDIES:
            name, value = REMEDIES[status]
            headers[name] = value
        if self.close_connection:
            headers["Connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, sentence: str) -> None:
        self.respond(status, "application/json", json.dumps({"error": sentence}).encode() + b"\n")
        self.wfile.flush()
        left = min(self.unread_bytes, 4 * BODY_LIMIT_BYTES)  # who is still sending would not see the answer
        while left > 0 and (piece := self.rfile.read1(min(left, 2**16))):
            left -= len(piece)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Say what the standard library found wrong in our form."""
        self.close_connection = True
        self.refuse(code, f"{explain or message or 'the server does not understand this request'}")

    def log_message(self, *_: object) -> None:
        pass


def _is_own(hosts: list[str]) -> bool:
    try:
        return len(hosts) == 1 and urlsplit(f"//{hosts[0]}").hostname in HOSTS
    except ValueError:
        return False
