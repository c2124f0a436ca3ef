"""libFuzzer in rounds of a minute, because atheris 3.0.0 never frees what a traced comparison of arrays gives."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROUND_S = 60
TIMEOUT_S = 30  # for one body, on a busy machine
LONGEST_S = 3600.0
MAX_MEMORY_MB = 3000  # a minute's leak of atheris is about 1,500
MAX_BODY = 65_536
INTERRUPTED = 130  # the exit code of a Ctrl-C, whether it or we got that
ROOT = Path(__file__).resolve().parent.parent
COUNTED = re.compile(r"^#(\d+)\t", re.MULTILINE)


class Rounds:
    """Fuzzes from some folders of bodies into another, until the time is over, Ctrl-C, or a finding."""

    def __init__(self, found: Path, known: Sequence[Path], findings: Path) -> None:
        self.found = found
        self.known = known
        self.executions = 0
        self.seconds = 0.0
        self._folder = findings
        self._before = set(findings.iterdir())

    @property
    def findings(self) -> list[Path]:
        """What was found by this run."""
        return sorted(set(self._folder.iterdir()) - self._before)

    def run(self, seconds: int) -> None:
        start_s = time.monotonic()
        while (left_s := seconds - int(time.monotonic() - start_s)) > 0 and not self.findings:
            if not self._round(min(left_s, ROUND_S)):
                break
        self.seconds = time.monotonic() - start_s

    def minimise(self, kept: Path) -> bool:
        """Write the fewest and smallest bodies that reach all that the known and the found ones reach."""
        return _target("-merge=1", kept, self.found, *self.known)[0] == 0

    def _round(self, seconds: int) -> bool:
        """Fuzz that long, and say whether there may be another round."""
        limits = (f"-max_total_time={seconds}", f"-timeout={TIMEOUT_S}", f"-artifact_prefix={self._folder}/")
        code, output = _target(*limits, self.found, *self.known)
        self.executions += max(map(int, COUNTED.findall(output)), default=0)
        if self.findings:
            print(output[-3000:])
        elif code not in (0, INTERRUPTED):
            raise SystemExit(f"{output[-3000:]}\nerror: the fuzzer ended with {code} and without a finding")
        return code == 0


def _target(*arguments: str | Path) -> tuple[int, str]:
    """Run libFuzzer and return its exit code and output. Ctrl-C ends it with what it has, as its time would."""
    command = [sys.executable, "-m", "fuzz.target", f"-rss_limit_mb={MAX_MEMORY_MB}", f"-max_len={MAX_BODY}"]
    with subprocess.Popen(
        [*command, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            output, _ = process.communicate(timeout=LONGEST_S)  # without a timeout, Ctrl-C would lose the output
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            return INTERRUPTED, process.communicate(timeout=LONGEST_S)[0]
    return process.returncode, output
