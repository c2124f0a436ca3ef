"""The project's own server and configuration with a handler that does nothing: the most that a handler could reach."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.servers.impl.ours import environment
from common.paths import ROOT
from serving.torchserve.process import TorchServe

if __name__ == "__main__":
    scratch = Path(os.environ["SCRATCH"])
    subprocess.run(
        [
            *(Path(sys.executable).parent / "torch-model-archiver", "--model-name", "mnist", "--version", "1.0"),
            *("--handler", ROOT / "benchmarks/servers/impl/echo_handler.py", "--export-path", scratch),
            *("--config-file", ROOT / "model/mnist/model-config.yaml"),
            *(
                "--extra-files",
                f"{ROOT / 'torchserve_patches/socket_reading.py'},{ROOT / 'torchserve_patches/batch_exchange.py'}",
            ),
        ],
        check=True,
    )
    variables = {**environment(int(sys.argv[1])), "TS_MODEL_STORE": str(scratch)}
    with TorchServe(ROOT / "config.properties", scratch / "torchserve.log", variables) as server:
        sys.exit(server.wait())
