"""The nginx configuration for TLS that the documentation shows works in front of the gateway."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.containers.conftest import ip_address, run_container, wait_open

pytestmark = pytest.mark.container
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
    pages = [page for page in (root / "SECURITY.md", *(root / "docs").glob("*.md")) if not page.match("*.ko.md")]
    blocks = (found for page in pages for found in re.findall(r"```nginx\n(.*?)```", page.read_text(), re.DOTALL))
    (block,) = (block for block in blocks if "ssl_certificate" in block)
    block = block.replace("127.0.0.1:8000", "gateway:8000")  # the host's loopback is not that of a container
    paths = "".join(f"{kind}_temp_path /tmp/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "scgi", "uwsgi"))
    (certificate / "nginx.conf").write_text(
        f"pid /tmp/nginx.pid; events {{}} http {{ access_log off; {paths}\n{block} }}"
    )
    options = [f"--volume={certificate}:/etc/ssl/digits:ro", "--tmpfs=/tmp:mode=1777", "--entrypoint=nginx"]
    (certificate / "seven.png").write_bytes(seven)
    command = ("-c", "/etc/ssl/digits/nginx.conf", "-g", "daemon off;")
    with run_container(service, "gateway", *options, command=command) as container:
        address = ip_address(container)
        wait_open(container, address, 443)
        curl = ["curl", "-sS", "--noproxy", "*", "--resolve", f"{NAME}:443:{address}", "--include"]
        curl += ["--cacert", str(certificate / "fullchain.pem"), "-T", str(certificate / "seven.png")]
        answer = subprocess.check_output([*curl, f"https://{NAME}/predictions/mnist"], text=True)
    assert '{"digit":7,' in answer
    assert "strict-transport-security: max-age=31536000" in answer.lower()
