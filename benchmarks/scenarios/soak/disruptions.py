"""Periodic disruptions while the server is under load: rollouts and worker kills; and periodic samples."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.load.open_loop import percentiles_ms
from benchmarks.reporting.results import Results
from benchmarks.scenarios.soak.load import SoakLoad
from benchmarks.servers.process_tree import ProcessTree
from common.recovery import wait_until_healthy
from serving.client import Client, ServiceError
from serving.deployment.archive_file import ArchiveError
from serving.deployment.deploy import Deployment, DeploymentError
from serving.deployment.model_store import ModelStore

MODEL = "mnist"


class Disruption(ABC):
    """Run `run_once` every `period_s` in a thread of its own; subclasses add its outcome to the results."""

    _writing = threading.Lock()

    def __init__(self, results: Results, period_s: float) -> None:
        self._results, self._period_s = results, period_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._error: Exception | None = None

    def start(self) -> None:
        self._began_s = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Stop, after a run in progress."""
        self._stopping.set()
        self._thread.join()

    def raise_error(self) -> None:
        """Raise BenchmarkError if `run_once` failed."""
        if self._error:
            raise BenchmarkError(f"{type(self).__name__.lower()} ended early: {self._error}") from self._error

    @abstractmethod
    def run_once(self) -> None:
        """Disrupt the server, or sample it, and add a record."""

    def now_s(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._began_s

    def add(self, kind: str, **record: Any) -> None:
        """Add a record to the results; its numbers are rounded to thousandths."""
        rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in record.items()}
        with self._writing:
            self._results.add({"kind": kind, **rounded})

    def _run(self) -> None:
        due_s = self._period_s
        while not self._stopping.wait(max(0.0, due_s - self.now_s())):
            try:
                self.run_once()
            except Exception as error:  # the main thread raises it
                self._error = error
                return
            due_s += self._period_s


class Sampler(Disruption):
    """Record responses so far, latency since the last sample, and memory and open files of the server's processes."""

    def __init__(self, results: Results, period_s: float, load: SoakLoad, tree: ProcessTree) -> None:
        super().__init__(results, period_s)
        self._load, self._tree = load, tree

    def run_once(self) -> None:
        for sent_s, took_s, outcome in self._load.take_failures():
            self.add("failure", second=sent_s - self._began_s, took_s=took_s, outcome=outcome)
        self.add(
            "sample",
            second=self.now_s(),
            counts=dict(self._load.counts),
            **percentiles_ms(self._load.take_latencies_s()),
            memory_mb=self._tree.memory_mb(),
            descriptors=self._tree.descriptors(),
            processes=len(self._tree.processes()),
        )


class Rollouts(Disruption):
    """Deploy the next version, and roll it back the time after, as `deploy` and `rollback` of the command line do."""

    def __init__(
        self, results: Results, period_s: float, client: Client, store: ModelStore, archives: Sequence[Path]
    ) -> None:
        super().__init__(results, period_s)
        self._messages: list[str] = []
        self._deployment = Deployment(client, store, MODEL, self._messages.append)
        self._next = iter(archives)
        self._is_rollback = False

    def run_once(self) -> None:
        began_s = self.now_s()
        self._messages.clear()
        error = None
        try:
            if self._is_rollback:
                self._deployment.rollback()
            else:
                self._deployment.deploy(next(self._next))
        except (ArchiveError, DeploymentError, ServiceError, OSError) as failure:
            error = str(failure)
        command = "rollback" if self._is_rollback else "deploy"
        outcome = {"took_s": self.now_s() - began_s, "messages": [*self._messages], "error": error}
        self.add("rollout", second=began_s, command=command, **outcome)
        self._is_rollback = not self._is_rollback


class WorkerKills(Disruption):
    """Kill one worker of the version that serves, as the kernel does when memory is short."""

    def __init__(self, results: Results, period_s: float, client: Client) -> None:
        super().__init__(results, period_s)
        self._client = client
        self._random = random.Random(3)  # noqa: S311 - it chooses the worker

    def run_once(self) -> None:
        description = self._client.describe(MODEL)
        pid = self._random.choice([worker["pid"] for worker in description["workers"]])
        second = self.now_s()
        os.kill(pid, signal.SIGKILL)
        healthy_after_s = None
        with contextlib.suppress(TimeoutError):
            healthy_after_s = wait_until_healthy(self._client, MODEL, gone={pid})
        version = {"version": description["modelVersion"], "batch_size": description["batchSize"]}
        self.add("kill", second=second, pid=pid, healthy_after_s=healthy_after_s, **version)
