"""What happens while the server serves, again and again: a version is rolled, a worker is killed, a sample is taken."""

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
from benchmarks.scenarios.soak.recovery import wait_until_whole
from benchmarks.servers.process_tree import ProcessTree
from serving.client import Client, ServiceError
from serving.deployment.archive_file import ArchiveError
from serving.deployment.deploy import Deployment, DeploymentError
from serving.deployment.model_store import ModelStore

MODEL = "mnist"


class Upheaval(ABC):
    """Does something every `period_s`, in a thread of its own, and adds what came of it to the results."""

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
        """Wait for what is under way."""
        self._stopping.set()
        self._thread.join()

    def raise_its_error(self) -> None:
        """Raise BenchmarkError where it could not happen."""
        if self._error:
            raise BenchmarkError(f"{type(self).__name__.lower()} ended early: {self._error}") from self._error

    @abstractmethod
    def happen(self) -> None: ...

    def now_s(self) -> float:
        return time.monotonic() - self._began_s

    def add(self, kind: str, **record: Any) -> None:
        rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in record.items()}
        with self._writing:
            self._results.add({"kind": kind, **rounded})

    def _run(self) -> None:
        due_s = self._period_s
        while not self._stopping.wait(max(0.0, due_s - self.now_s())):
            try:
                self.happen()
            except Exception as error:  # told to the thread that watches
                self._error = error
                return
            due_s += self._period_s


class Samples(Upheaval):
    """What was answered so far, how fast since the last sample, and what the server's processes hold."""

    def __init__(self, results: Results, period_s: float, load: SoakLoad, tree: ProcessTree) -> None:
        super().__init__(results, period_s)
        self._load, self._tree = load, tree

    def happen(self) -> None:
        for sent_s, took_s, what in self._load.take_failures():
            self.add("failure", second=sent_s - self._began_s, took_s=took_s, what=what)
        self.add(
            "sample",
            second=self.now_s(),
            counts=dict(self._load.counts),
            **percentiles_ms(self._load.take_latencies_s()),
            memory_mb=self._tree.memory_mb(),
            descriptors=self._tree.descriptors(),
            processes=len(self._tree.processes()),
        )


class Rolls(Upheaval):
    """The next version is deployed; the time after, it is rolled back: what `python -m serving` does, beside it."""

    def __init__(
        self, results: Results, period_s: float, client: Client, store: ModelStore, archives: Sequence[Path]
    ) -> None:
        super().__init__(results, period_s)
        self._said: list[str] = []
        self._deployment = Deployment(client, store, self._said.append)
        self._next = iter(archives)
        self._is_rollback = False

    def happen(self) -> None:
        began_s = self.now_s()
        self._said.clear()
        error = None
        try:
            if self._is_rollback:
                self._deployment.rollback()
            else:
                self._deployment.deploy(next(self._next))
        except (ArchiveError, DeploymentError, ServiceError, OSError) as failure:
            error = str(failure)
        command = "rollback" if self._is_rollback else "deploy"
        self.add(
            "roll", second=began_s, command=command, took_s=self.now_s() - began_s, said=[*self._said], error=error
        )
        self._is_rollback = not self._is_rollback


class Kills(Upheaval):
    """One worker of the version that serves ends without a word, as the kernel ends it when memory is short."""

    def __init__(self, results: Results, period_s: float, client: Client) -> None:
        super().__init__(results, period_s)
        self._client = client
        self._random = random.Random(3)  # noqa: S311 - which worker it is

    def happen(self) -> None:
        description = self._client.describe(MODEL)
        pid = self._random.choice([worker["pid"] for worker in description["workers"]])
        second = self.now_s()
        os.kill(pid, signal.SIGKILL)
        whole_after_s = None
        with contextlib.suppress(TimeoutError):
            whole_after_s = wait_until_whole(self._client, gone={pid})
        about = {"version": description["modelVersion"], "batch_size": description["batchSize"]}
        self.add("kill", second=second, pid=pid, whole_after_s=whole_after_s, **about)
