"""Send ever new bodies through what reads requests, guided by the lines that they reach.

Ctrl-C ends it earlier, with the same report. With --keep, fuzz/corpus learns what is new, and is minimised. A body that
was found is read alone, with its traceback, by `PYTHONPATH=handlers python -m fuzz.target FILE`.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz import seeds
from fuzz.runner import Rounds

HERE = Path(__file__).resolve().parent
CORPUS, FINDINGS = HERE / "corpus", HERE / "findings"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=int, default=600, help="how long (default: 600)")
    parser.add_argument("--keep", action="store_true", help="add what is new to fuzz/corpus, and minimise it")
    options = parser.parse_args()
    FINDINGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        started, found, kept = (Path(folder) / name for name in ("seeds", "found", "kept"))
        for made in (started, found, kept):
            made.mkdir()
        seeds.write(started)
        rounds = Rounds(found, (CORPUS, started), FINDINGS)
        rounds.run(options.seconds)
        new = len(list(found.iterdir()))
        print(f"{rounds.executions:,} bodies in {rounds.seconds:.0f} s; {new} reached something new")
        if options.keep and rounds.minimise(kept):
            shutil.rmtree(CORPUS)
            shutil.copytree(kept, CORPUS)
        # Not here: the C libraries below Pillow complain about damaged files, straight to stderr.
        command: list[str | Path] = [sys.executable, "-m", "fuzz.coverage_report", CORPUS, started, found]
        print(subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True).stdout)
    for finding in rounds.findings:
        print(f"error: {finding.relative_to(HERE.parent)} is a finding; read it with fuzz.target", file=sys.stderr)
    return 1 if rounds.findings else 0


if __name__ == "__main__":
    sys.exit(main())
