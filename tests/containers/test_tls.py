"""The TLS server that SECURITY.md shows stands in front of the gateway and works."""

from __future__ import annotations

import re
import subprocess
import time

import pytest

from tests.containers.conftest import docker, is_open, running

pytestmark = pytest.mark.docker
NAME = "digits.example.org"


@pytest.fixture
def certificate(tmp_path):
    """Make a certificate, and return the folder that it lies in under the names of Let's Encrypt."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={NAME}"]
    command += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", "privkey.pem", "-out", "fullchain.pem"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "privkey.pem").chmod(0o644)
    tmp_path.chmod(0o755)
    return tmp_path


def test_a_digit_is_read_through_tls(service, root, certificate, seven):
    (block,) = re.findall(r"```nginx\n(.*?)```", (root / "SECURITY.md").read_text(), re.DOTALL)
    block = block.replace("127.0.0.1:8000", "gateway:8000")  # the host's loopback is not that of a container
    paths = "".join(f"{kind}_temp_path /tmp/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
    (certificate / "nginx.conf").write_text(
        f"pid /tmp/nginx.pid; events {{}} http {{ access_log off; {paths}\n{block} }}"
    )
    options = [f"--volume={certificate}:/etc/ssl/digits:ro", "--tmpfs=/tmp:mode=1777", "--entrypoint=nginx"]
    (certificate / "seven.png").write_bytes(seven)
    command = ("-c", "/etc/ssl/digits/nginx.conf", "-g", "daemon off;")
    with running(service, "gateway", *options, command=command) as container:
        (network,) = service.inspect(container)["NetworkSettings"]["Networks"].values()
        end = time.monotonic() + 30
        while not is_open(network["IPAddress"], 443):
            assert time.monotonic() < end, docker("logs", container, stderr_too=True)
            time.sleep(0.1)
        curl = ["curl", "-sS", "--noproxy", "*", "--resolve", f"{NAME}:443:{network['IPAddress']}", "--include"]
        curl += ["--cacert", str(certificate / "fullchain.pem"), "-T", str(certificate / "seven.png")]
        answer = subprocess.check_output([*curl, f"https://{NAME}/predictions/mnist"], text=True)
    assert '{"digit":7,' in answer
    assert "strict-transport-security: max-age=31536000" in answer.lower()
