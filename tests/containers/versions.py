"""A TorchServe whose versions change, and the gateway before it."""

from __future__ import annotations

import contextlib
import re
from collections import Counter

import requests

from tests.containers.conftest import docker, ip_address
from tests.support.polling import wait_for

PNG = {"Content-Type": "image/png"}
OLD, NEW = "1.0", "2.0"
STATE = "/tmp/nginx/upstream.conf"  # noqa: S108
# Shell conditions for the processes of the balancer, and of `discover-upstreams`, in the gateway's container.
BALANCER = '[ "$(cut -d" " -f4 $p/stat)" = "$(cat /tmp/nginx/balancer.pid)" ]'
DISCOVERY = '[ "$(cat $p/comm)" = discover-upstre ]'  # Linux keeps 15 characters of a name
SIGNAL = "for p in /proc/[0-9]*; do {} && kill -{} ${{p#/proc/}}; done; true"


class Versions:
    """A TorchServe with a writable store, and a gateway of its own to it and to all that share its name."""

    def __init__(self, torchserve, gateway):
        self.torchserve, self.gateway = torchserve, gateway
        self.session = requests.Session()
        self.session.trust_env = False
        self.url = f"http://{ip_address(gateway)}:8000"
        self.confidences = {}

    def serving(self, *arguments):
        return docker("exec", self.torchserve, "python", "-m", "serving", *arguments, timeout_s=120)

    def start_canary(self, version, percent):
        return self.serving("canary", "start", f"model_store/mnist-{version}.mar", "--percent", str(percent))

    def set_share(self, percent):
        return self.serving("canary", "set", "--percent", str(percent))

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
        """Return the version that answers, told by its confidence."""
        confidence = self.ask(path, body)["confidence"]
        return min(self.confidences, key=lambda version: abs(self.confidences[version] - confidence))

    def canary(self, percent, seven):
        """Start a canary with that share, or change its share; wait until the gateway knows."""
        self.start_canary(NEW, percent)
        wait_for(lambda: f"$canary_mnist {{ {percent}% {NEW};" in self.upstreams())
        for version in (OLD, NEW):
            self.confidences[version] = self.ask(f"/predictions/mnist/{version}", seven)["confidence"]

    @contextlib.contextmanager
    def paused(self, processes):
        """Stop some of the gateway's processes for a while."""
        docker("exec", self.gateway, "sh", "-c", SIGNAL.format(processes, "STOP"))
        try:
            yield
        finally:
            docker("exec", self.gateway, "sh", "-c", SIGNAL.format(processes, "CONT"))

    def upstreams(self):
        """Return the configuration that `discover-upstreams` wrote."""
        return docker("exec", self.gateway, "cat", STATE)

    def count_digits(self):
        """Return how many digits each version has predicted."""
        metrics = self.session.get(f"http://{ip_address(self.torchserve)}:8082/metrics", timeout=10).text
        counts = re.findall(
            r'^handler_prediction_confidence_count{.*model_name="mnist",model_version="([^"]*)".* (\S+)$', metrics, re.M
        )
        return Counter({version: int(float(count)) for version, count in counts})
