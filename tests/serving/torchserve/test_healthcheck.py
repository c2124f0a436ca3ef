"""The container's health check asks the supervisor's port, and is cheap to start."""

from __future__ import annotations

import http.server
import inspect
import socket
import subprocess
import sys
import threading

import pytest

from serving.torchserve import healthcheck, ports, readiness


@pytest.fixture
def health():
    """Answer /ready with `health.status`. Yields the server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(self.server.status if self.path == "/ready" else 404)
            self.end_headers()
            self.wfile.write(b'{"status": "ready"}')

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_its_exit_code_is_the_supervisors_readiness(health, status, code, capsys):
    health.status = status
    assert healthcheck.check(health.server_port) == code
    assert capsys.readouterr().out == '{"status": "ready"}\n'


def test_no_supervisor_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert "refused" in healthcheck.check(port)


def test_it_asks_the_port_of_the_supervisor():
    assert inspect.signature(healthcheck.check).parameters["port"].default == ports.HEALTH_PORT
    assert readiness.HEALTH_PORT == ports.HEALTH_PORT


def test_it_imports_the_standard_library_alone(root):
    code = "import sys, serving.torchserve.healthcheck; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= {*sys.stdlib_module_names, "__main__", "serving"}
