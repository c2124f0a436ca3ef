"""An archive is downloaded completely and with the right digest, or not at all, from a server that fails on demand."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading

import pytest

from serving.deployment.archive_file import ArchiveError
from serving.deployment.fetch_archive import MAX_ATTEMPTS, FetchError, fetch, main


class Server(http.server.ThreadingHTTPServer):
    """Answers with `content`, after it has failed as `failures` say: "cut" off half way, or with a status."""

    def __init__(self, content):
        self.content, self.failures, self.asked = content, [], 0
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}/mnist-2.0.mar"


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.server
        failure = server.failures[server.asked] if server.asked < len(server.failures) else None
        server.asked += 1
        self.send_response(failure if isinstance(failure, int) else 200)
        self.send_header("Content-Length", str(len(server.content)))
        self.end_headers()
        self.wfile.write(server.content[: len(server.content) // (2 if failure else 1)])

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def file_server(archives):
    with Server((archives / "mnist.mar").read_bytes()) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.01,)).start()
        yield listening
        listening.shutdown()


@pytest.fixture
def digest(file_server):
    return hashlib.sha256(file_server.content).hexdigest()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    return folder


@pytest.fixture
def target(folder):
    return folder / "mnist.mar"


def source(server, digest):
    return f"{server.url}#sha256={digest}"


def test_the_right_archive_is_fetched_and_not_again(file_server, digest, folder, target, capsys):
    for _ in range(2):
        assert main([str(folder), source(file_server, digest)]) == 0
        assert capsys.readouterr().out == f"{target} is mnist 1.0, {len(file_server.content):,} bytes\n"
    assert target.read_bytes() == file_server.content
    assert file_server.asked == 1


def test_several_archives_are_fetched_each_under_the_name_of_its_model(file_server, digest, archives, folder):
    other = (archives / "xor.mar").read_bytes()
    with Server(other) as second:
        threading.Thread(target=second.serve_forever, args=(0.01,)).start()
        others_digest = hashlib.sha256(other).hexdigest()
        assert main([str(folder), source(file_server, digest), source(second, others_digest)]) == 0
        second.shutdown()
    found = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert found == {"mnist.mar": file_server.content, "xor.mar": other}


def test_another_archive_than_the_digest_names_is_refused_and_what_was_there_stays(file_server, digest, target, capsys):
    target.write_bytes(b"old")
    assert main([str(target.parent), source(file_server, "0" * 64)]) == 1
    assert f"{file_server.url} has the SHA-256 {digest}, not {'0' * 64}" in capsys.readouterr().err
    assert [path.read_bytes() for path in target.parent.iterdir()] == [b"old"]
    assert file_server.asked == 1


def test_what_was_cut_off_or_failed_for_now_is_fetched_anew(file_server, digest, target, capsys):
    file_server.failures = ["cut", 503, "cut"]
    assert fetch(file_server.url, digest, target.parent, backoff_s=0).version == "1.0"
    assert target.read_bytes() == file_server.content
    assert file_server.asked == 4
    assert "HTTP 503 at attempt 2 of 5" in capsys.readouterr().err


def test_an_archive_that_is_not_there_is_not_asked_for_again(file_server, digest, target):
    file_server.failures = [404] * 9
    with pytest.raises(FetchError, match=r"\(HTTP 404\); check the URL"):
        fetch(file_server.url, digest, target.parent)
    assert file_server.asked == 1


def test_a_server_that_always_fails_is_given_up_and_nothing_is_left(file_server, digest, target):
    file_server.failures = ["cut"] * 9
    with pytest.raises(FetchError, match=f"could not be downloaded in {MAX_ATTEMPTS} attempts"):
        fetch(file_server.url, digest, target.parent, backoff_s=0)
    assert file_server.asked == MAX_ATTEMPTS
    assert list(target.parent.iterdir()) == []


def test_a_server_that_is_not_there_is_named(target):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/mnist.mar"
    with pytest.raises(FetchError, match=r"\(ConnectionError\); is its server reachable"):
        fetch(url, "0" * 64, target.parent, backoff_s=0)


def test_what_is_no_archive_is_refused_though_its_digest_is_right(file_server, target):
    file_server.content = b"<html>please log in</html>"
    with pytest.raises(ArchiveError, match="not a model archive"):
        fetch(file_server.url, hashlib.sha256(file_server.content).hexdigest(), target.parent)
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize(
    "argument",
    [
        "file:///etc/passwd#sha256=" + "0" * 64,
        "http://127.0.0.1/x.mar#sha256=" + "0" * 63,
        "http://127.0.0.1/x.mar#" + "0" * 64,
        "http://127.0.0.1/x.mar",
    ],
)
def test_what_is_no_url_with_a_digest_is_said(argument, folder, capsys):
    with pytest.raises(SystemExit):
        main([str(folder), argument])
    assert f"{argument!r} is not a URL with a digest" in capsys.readouterr().err
