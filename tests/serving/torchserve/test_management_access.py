"""The management API loads archives of the model store alone: no address, path or name leads elsewhere."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import threading
import time
from urllib.parse import quote

import psutil
import pytest

from serving.torchserve.process import TorchServe
from tests.conftest import environment_of_free_ports

pytestmark = pytest.mark.server
SCHEMES = ("http", "https", "HTTP", "hTTps", "ftp", "s3", "gs", "hdfs", "ldap", "jar:http", "http:http")
METADATA = "http://169.254.169.254/latest/meta-data/"  # where clouds keep their keys
NAMES = ("../../x", "..%2f..%2fx", "/etc/x", "x\0y", "x/../../y", "a\r\nb", "..\\x", "x" * 1000)


class Listener:
    """A listener that counts its connections."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.visitors = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.visitors += 1
            connection.close()

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def listener():
    listening = Listener()
    yield listening
    listening.close()


@pytest.fixture(scope="module")
def folder(archives, tmp_path_factory):
    """Return a folder with a model store in it, and beside that an archive which nobody may load."""
    folder = tmp_path_factory.mktemp("access")
    for name in ("store", "store/inner", "outside", "temporary"):
        (folder / name).mkdir()
    shutil.copy(archives / "xor.mar", folder / "store")
    shutil.copy(archives / "xor.mar", folder / "outside/stranger.mar")
    return folder


@pytest.fixture(scope="module")
def management(root, folder):
    """Run a TorchServe with the repository's configuration, and return the address of its management API."""
    environment = {**environment_of_free_ports(), "TS_MODEL_STORE": str(folder / "store"), "TS_LOAD_MODELS": "xor.mar"}
    environment["TMPDIR"] = str(folder / "temporary")
    with TorchServe(root / "config.properties", folder / "log/torchserve.log", environment) as server:
        server.wait_ready(timeout_s=180)
        yield server.management


def ask(management, method, path):
    """Send the path as it is: other clients tidy it up before. Return status and body."""
    connection = http.client.HTTPConnection(management.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def state(management, folder):
    """Return the registered models, and the files other than the server's sockets and logs."""
    listed = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return ask(management, "GET", "/models"), {path for path in listed if not path.startswith("log/")}


def remote(port):
    file = f"127.0.0.1:{port}/stranger.mar"
    yield from (f"{scheme}://{file}" for scheme in SCHEMES)
    yield from (f"{start}{file}" for start in ("//", "http:/", "http:", " http://", "none\nhttp://", "http://none@"))
    yield from (f"https://127.0.0.1:{port}/none#none.mar", METADATA)


def local(folder):
    outside = folder / "outside/stranger.mar"
    yield from (f"{start}{outside}" for start in ("file://", "file:", "FILE://", "file://localhost", "", "/"))
    yield f"jar:file:{outside}!/"
    for up in ("..", "./..", "inner/../..", "xor.mar/../..", "%2e%2e", "%252e%252e", "..;", "\u002e\uff0e"):
        yield f"{up}/outside/stranger.mar"
    yield from ("..%2foutside%2fstranger.mar", "..\\outside\\stranger.mar", "../outside/stranger.mar\0.mar")
    yield from ("/etc/passwd", "/proc/self/environ", "", ".", "..", "inner", "*")


@pytest.mark.parametrize("route", ["/models", "/workflows"])
def test_no_address_and_no_path_is_loaded(management, listener, folder, route):
    before = state(management, folder)
    for url in (*remote(listener.port), *local(folder)):
        for written in (quote(url, safe=""), quote(url, safe="/:")):
            status, body = ask(management, "POST", f"{route}?url={written}&initial_workers=0")
            assert status >= 400, f"{url!r}: {body}"
    assert listener.visitors == 0
    assert state(management, folder) == before


def test_all_its_ports_are_this_machines_alone(management):
    (java,) = (p for p in psutil.Process().children() if p.name() == "java" and _listens(p, management))
    listening, end = [], time.monotonic() + 30
    while len(listening) < 5 and time.monotonic() < end:  # gRPC comes last
        listening = [c.laddr for c in java.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert len(listening) == 5  # inference, management, metrics, and gRPC for the first two


def _listens(process, address):
    return any(str(c.laddr.port) == address.rsplit(":", 1)[1] for c in process.net_connections("tcp"))


@pytest.mark.parametrize("name", NAMES)
def test_a_name_like_a_path_is_a_name(management, folder, name):
    (_, files), written = state(management, folder), quote(name, safe="")
    assert ask(management, "POST", f"/models?url=xor.mar&model_name={written}&initial_workers=1")[0] == 200
    assert name in [model["modelName"] for model in json.loads(ask(management, "GET", "/models")[1])["models"]]
    assert state(management, folder)[1] == files
    # TorchServe splits paths after it has decoded them: what has a slash in its name stays until it ends.
    assert ask(management, "DELETE", f"/models/{written}")[0] == (404 if "/" in name else 200)


def test_the_listener_would_have_seen_a_visitor(listener):
    before = listener.visitors
    with contextlib.suppress(http.client.HTTPException, OSError):
        ask(f"http://127.0.0.1:{listener.port}", "GET", "/stranger.mar")
    assert listener.visitors == before + 1


def test_what_lies_in_the_store_can_be_registered(management, folder):
    before = state(management, folder)
    assert ask(management, "POST", "/models?url=xor.mar&model_name=other&initial_workers=0")[0] == 200
    assert ask(management, "DELETE", "/models/other")[0] == 200
    assert state(management, folder) == before
