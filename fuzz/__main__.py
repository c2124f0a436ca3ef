"""Fuzz the request parsers with libFuzzer, guided by the lines that each body reaches.

Ctrl-C ends the run early with the same report. --update-corpus adds the new bodies to fuzz/corpus.zip and minimizes it.
`python -m fuzz.target fuzz/crashes/FILE` runs one crash again and prints its traceback.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from fuzz import seeds
from fuzz.corpus import pack_corpus, unpack_corpus
from fuzz.runner import FuzzRunner

HERE = Path(__file__).resolve().parent
CRASHES = HERE / "crashes"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=int, default=600, help="duration of the run (default: 600)")
    parser.add_argument("--update-corpus", action="store_true", help="add the new bodies to the corpus and minimize it")
    options = parser.parse_args()
    CRASHES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as temporary:
        corpus, seed_bodies, new, minimized = (
            Path(temporary, name) for name in ("corpus", "seeds", "new", "minimized")
        )
        unpack_corpus(corpus)
        for folder in (seed_bodies, new, minimized):
            folder.mkdir()
        seeds.write_seeds(seed_bodies)
        runner = FuzzRunner(new, (corpus, seed_bodies), CRASHES)
        runner.run(options.seconds)
        reached = len(list(new.iterdir()))
        print(f"{runner.executions:,} bodies in {runner.seconds:.0f} s; {reached} reached something new")
        if options.update_corpus and runner.minimize(minimized):
            pack_corpus(path.read_bytes() for path in minimized.iterdir())
        # In a process of its own: the C libraries below Pillow write warnings about damaged files to stderr.
        command: list[str | Path] = [sys.executable, "-m", "fuzz.coverage_report", corpus, seed_bodies, new]
        print(subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, check=True).stdout)
    for crash in runner.crashes:
        print(f"error: {crash.relative_to(HERE.parent)} is a crash; run it with fuzz.target", file=sys.stderr)
    return 1 if runner.crashes else 0


if __name__ == "__main__":
    sys.exit(main())
