"""Run libFuzzer in rounds of a minute, because atheris 3.0.0 leaks memory for each traced comparison of arrays."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from common.paths import ROOT

ROUND_S = 60
TIMEOUT_S = 30  # for one body, on a busy machine
MAX_WAIT_S = 3600.0
MAX_MEMORY_MB = 3000  # atheris leaks about 1,500 in a minute
MAX_BODY_BYTES = 65_536
INTERRUPTED = 130  # the exit code after Ctrl-C, which the fuzzer or this process may receive
EXECUTIONS = re.compile(r"^#(\d+)\t", re.MULTILINE)


class FuzzRunner:
    """Fuzzes from the bodies in `known` into the folder `new`, until the time is over, Ctrl-C, or a crash."""

    def __init__(self, new: Path, known: Sequence[Path], crashes: Path) -> None:
        self.new = new
        self.known = known
        self.executions = 0
        self.seconds = 0.0
        self._crashes = crashes
        self._before = set(crashes.iterdir())

    @property
    def crashes(self) -> list[Path]:
        """The crashes of this run."""
        return sorted(set(self._crashes.iterdir()) - self._before)

    def run(self, seconds: int) -> None:
        """Fuzz for `seconds`. Raises SystemExit when the fuzzer fails without a crash."""
        start_s = time.monotonic()
        while (left_s := seconds - int(time.monotonic() - start_s)) > 0 and not self.crashes:
            if not self._run_round(min(left_s, ROUND_S)):
                break
        self.seconds = time.monotonic() - start_s

    def minimize(self, target: Path) -> bool:
        """Write the smallest set of known and new bodies with the same coverage; return whether that succeeded."""
        return _run_libfuzzer("-merge=1", target, self.new, *self.known)[0] == 0

    def _run_round(self, seconds: int) -> bool:
        """Fuzz for `seconds`; return whether another round may follow."""
        limits = (f"-max_total_time={seconds}", f"-timeout={TIMEOUT_S}", f"-artifact_prefix={self._crashes}/")
        code, output = _run_libfuzzer(*limits, self.new, *self.known)
        self.executions += max(map(int, EXECUTIONS.findall(output)), default=0)
        if self.crashes:
            print(output[-3000:])
        elif code not in (0, INTERRUPTED):
            raise SystemExit(f"{output[-3000:]}\nerror: the fuzzer ended with {code} and without a crash")
        return code == 0


def _run_libfuzzer(*arguments: str | Path) -> tuple[int, str]:
    """Run libFuzzer and return its exit code and output. Ctrl-C ends it as its time limit would."""
    limits = (f"-rss_limit_mb={MAX_MEMORY_MB}", f"-max_len={MAX_BODY_BYTES}")
    with subprocess.Popen(
        [sys.executable, "-m", "fuzz.target", *limits, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            output, _ = process.communicate(timeout=MAX_WAIT_S)  # without a timeout, Ctrl-C would lose the output
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            return INTERRUPTED, process.communicate(timeout=MAX_WAIT_S)[0]
    return process.returncode, output
