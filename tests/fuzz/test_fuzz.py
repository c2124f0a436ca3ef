"""`python -m fuzz` ends at Ctrl-C with a report, and finds a fault that is there."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time

import psutil
import pytest

from fuzz.corpus import unpack_corpus

pytest.importorskip("atheris", reason="atheris has no wheel for this machine")

LONGEST_S = 60.0
CRASH = 77  # libFuzzer's exit code


def test_ctrl_c_ends_it_with_a_report_and_leaves_no_process(root, tmp_path):
    command, environment = [sys.executable, "-m", "fuzz", "--seconds", "600"], {**os.environ, "TMPDIR": str(tmp_path)}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=root, env=environment, **output) as process:
        end = time.monotonic() + LONGEST_S
        while not list(tmp_path.glob("fuzz-*/new/*")):
            assert time.monotonic() < end, "it does not begin"
            time.sleep(0.1)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LONGEST_S)
    assert process.returncode == 0, out
    assert not list(tmp_path.iterdir())
    assert int(re.match(r"\s*([\d,]+) bodies in \d+ s", out)[1].replace(",", "")) > 50
    assert re.search(r"handlers/protocols/v2\.py +\d+ .* \d+%", out)
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_a_fault_is_found_and_the_body_is_kept(root, tmp_path):
    broken = tmp_path / "handlers"
    shutil.copytree(root / "handlers", broken, ignore=shutil.ignore_patterns("__pycache__"))
    reader = broken / "protocols/npy.py"
    whole = "    reader.check_count(shape[0])\n"
    assert whole in reader.read_text()
    reader.write_text(
        reader.read_text().replace(whole, "    if shape[0] == 2:\n        raise KeyError(shape)\n" + whole)
    )
    unpack_corpus(tmp_path / "corpus")
    command = [
        sys.executable,
        "-m",
        "fuzz.target",
        "-runs=1",
        f"-artifact_prefix={tmp_path}/",
        str(tmp_path / "corpus"),
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (tmp_path, root)))}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, errors="replace")
    assert done.returncode == CRASH
    assert "KeyError: (2, 28, 28)" in done.stdout + done.stderr
    (crash,) = tmp_path.glob("crash-*")
    assert crash.read_bytes().startswith(b"\x93NUMPY")
