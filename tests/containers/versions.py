"""A TorchServe whose versions change, and the gateway before it."""

from __future__ import annotations

import contextlib
import re
from collections import Counter

import requests

from tests.containers.conftest import docker
from tests.support.polling import wait_for

PNG = {"Content-Type": "image/png"}
OLD, NEW = "1.0", "2.0"
STATE = "/tmp/nginx/upstream.conf"  # noqa: S108
# The processes of the router, or of `watch`, in the gateway's container.
ROUTER = '[ "$(cut -d" " -f4 $p/stat)" = "$(cat /tmp/nginx/router.pid)" ]'
WATCH = '[ "$(cat $p/comm)" = watch ]'
SIGNAL = "for p in /proc/[0-9]*; do {} && kill -{} ${{p#/proc/}}; done; true"


class Versions:
    """A TorchServe whose store can be written, and a gateway of its own to it, and to all that share its name."""

    def __init__(self, service, torchserve, gateway):
        self.torchserve, self.gateway = torchserve, gateway
        self._service = service
        self.session = requests.Session()
        self.session.trust_env = False
        self.url = f"http://{self._address(gateway)}:8000"
        self.sureness = {}

    def _address(self, container):
        (network,) = self._service.inspect(container)["NetworkSettings"]["Networks"].values()
        return network["IPAddress"]

    def serving(self, *arguments):
        return docker("exec", self.torchserve, "python", "-m", "serving", *arguments, timeout_s=120)

    def health(self):
        try:
            return self.session.get(f"{self.url}/health", timeout=5).json()
        except requests.RequestException:
            return None

    def wait_for(self, servers):
        wait_for(lambda: self.health() == {"status": "ready", "servers": servers}, 60)

    def ask(self, path, body):
        answer = self.session.post(self.url + path, data=body, headers=PNG, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def answering(self, path, body):
        """Say which version answers, by how sure it is."""
        confidence = self.ask(path, body)["confidence"]
        return min(self.sureness, key=lambda version: abs(self.sureness[version] - confidence))

    def canary(self, percent, seven):
        """Have a canary with that share, of which the gateway has heard."""
        self.serving("canary", "start", f"model_store/mnist-{NEW}.mar", "--percent", str(percent))
        wait_for(lambda: f"{percent}% {NEW};" in self.told())
        for version in (OLD, NEW):
            self.sureness[version] = self.ask(f"/predictions/mnist/{version}", seven)["confidence"]

    @contextlib.contextmanager
    def held_up(self, processes):
        """Stop some of the gateway's processes for a while."""
        docker("exec", self.gateway, "sh", "-c", SIGNAL.format(processes, "STOP"))
        try:
            yield
        finally:
            docker("exec", self.gateway, "sh", "-c", SIGNAL.format(processes, "CONT"))

    def told(self):
        return docker("exec", self.gateway, "cat", STATE)

    def digits(self):
        """Count what each version has read."""
        metrics = self.session.get(f"http://{self._address(self.torchserve)}:8082/metrics", timeout=10).text
        counts = re.findall(
            r'^handler_prediction_confidence_count{.*model_version="([^"]*)".* (\S+)$', metrics, re.MULTILINE
        )
        return Counter({version: int(float(count)) for version, count in counts})
