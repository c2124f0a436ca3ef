"""Generate Python stubs for TorchServe's gRPC API from the .proto files in its jar.

python -m serving.grpc_stubs grpc_stubs       # `make grpc-stubs`

The .proto files are written beside the stubs, for other languages.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import zipfile
from collections.abc import Sequence
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

PROTOS = ("inference.proto", "management.proto", "open_inference_grpc.proto", "google/rpc/status.proto")


def write(folder: Path) -> None:
    """Write the .proto files and their stubs into `folder`, to be put on PYTHONPATH. Raises SystemExit."""
    torchserve = importlib.metadata.distribution("torchserve")
    with zipfile.ZipFile(str(torchserve.locate_file("ts/frontend/model-server.jar"))) as jar:
        jar.extractall(folder, PROTOS)
    included = Path(grpc_tools.__file__).with_name("_proto")  # google/protobuf, whose stubs are installed
    options = [f"--proto_path={included}", f"--proto_path={folder}", f"--python_out={folder}"]
    if code := protoc.main(["protoc", *options, f"--grpc_python_out={folder}", *PROTOS]):
        raise SystemExit(f"error: protoc failed on the files in {folder} with {code}; its message is above")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Generate Python stubs for TorchServe's gRPC.")
    parser.add_argument("folder", type=Path, help="folder to write to")
    write(parser.parse_args(argv).folder)


if __name__ == "__main__":
    main()
