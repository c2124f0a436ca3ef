"""Run a server with all its descendants: measure their CPU time, memory and open files, and stop them. Linux only."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psutil

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
STOP_TIMEOUT_S = 15.0


class ProcessTree:
    """Run a command; leaving the context stops it and every process that it started, daemons too.

    A daemon's parent ends early and init would adopt the daemon; as subreaper this process adopts it instead, so that
    every descendant of this process that was not there before belongs to the server.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], folder: Path, log: Path) -> None:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._before = {process.pid for process in psutil.Process().children(recursive=True)}
        with log.open("w") as stream:
            self.process = subprocess.Popen(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the benchmark alone, which stops the server in order
            )

    def __enter__(self) -> ProcessTree:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def processes(self) -> list[psutil.Process]:
        descendants = psutil.Process().children(recursive=True)
        return [process for process in descendants if process.pid not in self._before]

    def cpu_s(self) -> float:
        """Return the CPU seconds so far, user and system, including those of children that have ended."""
        total = 0.0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def memory_mb(self) -> float:
        """Return the proportional set size in MB: a page that n processes share counts 1/n for each."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                total += process.memory_full_info().pss
        return total / 2**20

    def descriptors(self) -> int:
        """Return the number of files, sockets and pipes that all processes together have open."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                total += process.num_fds()
        return total

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT_S)
        while left := self.processes():
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=5)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):  # reap adopted processes
                pass
