"""Our server and configuration with a handler that only echoes: the upper bound for any handler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.servers.impl.ours import environment
from common.paths import ROOT
from serving.torchserve.process import TorchServe
from training.archive import copy_packages

if __name__ == "__main__":
    scratch = Path(os.environ["SCRATCH"])
    copy_packages("mnist", scratch / "extra")
    subprocess.run(
        [
            *(Path(sys.executable).parent / "torch-model-archiver", "--model-name", "mnist", "--version", "1.0"),
            *("--handler", ROOT / "benchmarks/servers/impl/echo_handler.py", "--export-path", scratch),
            *("--config-file", ROOT / "model/mnist/model-config.yaml", "--extra-files", scratch / "extra"),
        ],
        check=True,
        env={**os.environ, "TMPDIR": str(scratch)},  # the archiver empties a folder of the model's name in it first
    )
    variables = {**environment(int(sys.argv[1])), "TS_MODEL_STORE": str(scratch)}
    with TorchServe(ROOT / "config.properties", scratch / "torchserve.log", variables) as server:
        sys.exit(server.wait())
