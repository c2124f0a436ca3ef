"""Pack weights, net, handler and configuration into an archive for TorchServe.

    python -m training.archive mnist          # model_store/mnist.mar
    python -m training.archive mnist --version 2.0 --file mnist-2.0.mar

A model is a folder model/NAME with model.yaml and net.py; handlers/NAME/handler.py serves it.
Archives are reproducible: equal inputs give equal bytes on every machine.
"""

from __future__ import annotations

import ast
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from common.cli import exit_on_error, fraction, parser_with_examples
from common.errors import UserError
from common.files import write_atomically
from common.paths import ROOT
from model import config
from training import weights

PACKAGES = ("common", "handlers", "model", "torchserve_patches")
MANIFEST = "MAR-INF/MANIFEST.json"


class ArchiveError(UserError):
    """The weights or the handler are unfit for an archive."""


def archive(name: str, weights_path: Path, version: str, min_accuracy: float) -> bytes:
    """Pack the model `name` and return the archive.

    Raises ModelConfigError when its model.yaml is wrong, ArchiveError when the recorded accuracy is below
    `min_accuracy` (0–1) or the handler is unfit, WeightsError when the weights are missing, broken, not those of their
    report, or do not fit the net.
    """
    config.check_files(config.load(name))
    _check_weights(name, weights_path, min_accuracy)
    return pack(name, weights_path, version)


def pack(name: str, weights_path: Path, version: str) -> bytes:
    """Pack the model `name` like `archive`, without a check of its weights. Raises ArchiveError."""
    handler = ROOT / "handlers" / name / "handler.py"
    _check_one_class(handler)
    with tempfile.TemporaryDirectory() as folder:
        parts = Path(folder, "parts")
        copy_packages(name, parts / "extra")
        shutil.copyfile(weights.report_path(weights_path), parts / "extra/training.json")
        shutil.copyfile(weights_path, parts / f"{name}.pt")
        shutil.copyfile(handler, parts / "handler.py")
        shutil.copyfile(ROOT / "model" / name / "model-config.yaml", parts / "model-config.yaml")
        return _make_reproducible(_pack(name, version, Path(folder)))


def _check_weights(name: str, weights_path: Path, min_accuracy: float) -> None:
    report = weights.load_report(weights_path)
    if "test" not in report:
        raise ArchiveError(f"{weights_path} was trained with --validation-split, for choosing: train without it")
    accuracy = report["test"]["accuracy"]
    if accuracy < min_accuracy:
        raise ArchiveError(
            f"{weights_path} got {accuracy:.2%} of the test right, less than {min_accuracy:.2%}: "
            "train better weights or lower --min-accuracy"
        )
    weights.load_net(name, weights_path)


def copy_packages(name: str, target: Path) -> None:
    """Copy the packages that a worker of the model `name` imports to `target`: generic code and the model's folders.

    torch-model-archiver copies sub-folders of a folder of extra files, and TorchServe puts the unpacked archive on the
    worker's PYTHONPATH. The handler's module is left out: TorchServe loads it from the top of the archive.
    """
    for file in packaged_files(name):
        copy = target / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def packaged_files(name: str) -> list[Path]:
    """Return the files that `copy_packages` copies."""
    others = {ROOT / package / model for package in PACKAGES for model in config.names() if model != name}
    return [
        file
        for package in PACKAGES
        for file in [*(ROOT / package).rglob("*.py"), *(ROOT / package / name).glob("model.yaml")]
        if file.name != "handler.py" and others.isdisjoint(file.parents)
    ]


def _check_one_class(module: Path) -> None:
    """Raise ArchiveError unless `module` defines one class: TorchServe fails on a handler module with more."""
    try:
        tree = ast.parse(module.read_bytes(), module.name)
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte
        raise ArchiveError(f"{module.relative_to(ROOT)} is not valid Python: {error}") from error
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if len(classes) != 1:
        found = ", ".join(classes) or "none"
        raise ArchiveError(f"{module} must define exactly one class, not {found}: move the rest to another module")


def _pack(name: str, version: str, folder: Path) -> Path:
    """Run torch-model-archiver on relative paths in `folder`, so that no path of this machine gets into the archive."""
    options = {
        "--model-name": name,
        "--version": version,
        "--handler": "parts/handler.py",
        "--serialized-file": f"parts/{name}.pt",
        "--config-file": "parts/model-config.yaml",
        "--extra-files": "parts/extra",
        "--export-path": ".",
    }
    packing = subprocess.run(
        [sys.executable, "-m", "model_archiver.model_packaging", *(part for pair in options.items() for part in pair)],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(folder)},  # the archiver empties a folder of the model's name there
        capture_output=True,
        text=True,
    )
    if packing.returncode != 0:
        reason = (packing.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ArchiveError(f"torch-model-archiver failed on {name} ({reason}): install requirements/serve.txt anew")
    return folder / f"{name}.mar"


def _make_reproducible(mar: Path) -> bytes:
    """Return `mar` rewritten without compression, with sorted names and constant times and permissions."""
    content = io.BytesIO()
    with zipfile.ZipFile(mar) as packed, zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as plain:
        for file in sorted(packed.namelist()):
            member = zipfile.ZipInfo(file)  # its default date is 1980-01-01, the earliest in a zip
            member.external_attr = 0o644 << 16
            member.create_system = 3  # Unix, on every system
            plain.writestr(member, _remove_date(packed.read(file)) if file == MANIFEST else packed.read(file))
    return content.getvalue()


def _remove_date(manifest: bytes) -> bytes:
    return json.dumps({**json.loads(manifest), "createdOn": "01/01/1980 00:00:00"}, indent=2).encode()


def _version(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)*", text):
        raise ArgumentTypeError(f"{text!r} is not a version such as 1.0")
    return text


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Pack a model into an archive for TorchServe.",
        "python -m training.archive mnist",
        "python -m training.archive mnist --version 2.0 --file mnist-2.0.mar",
    )
    parser.add_argument("name", help="the model, a folder in model/")
    parser.add_argument("--weights", type=Path, help="state_dict with its report beside it (default: weights/NAME.pt)")
    parser.add_argument("--version", type=_version, help="version to register (default: that of model.yaml)")
    help_text = "refuse weights below this accuracy (default: golden_set.min_correct of model.yaml)"
    parser.add_argument("--min-accuracy", type=fraction, help=help_text)
    parser.add_argument(
        "--model-store", type=Path, default=Path("model_store"), help="folder of the archive (default: %(default)s)"
    )
    parser.add_argument("--file", help="name of the archive in the model store (default: NAME.mar)")
    arguments = parser.parse_args(argv)
    name = arguments.name
    weights_path = arguments.weights or Path("weights", f"{name}.pt")
    with exit_on_error(if_interrupted="nothing was changed; run the same command again"):
        model = config.load(name)
        version = arguments.version or model.version
        min_accuracy = model.golden_set.min_correct if arguments.min_accuracy is None else arguments.min_accuracy
        mar = archive(name, weights_path, version, min_accuracy)
        output = arguments.model_store / (arguments.file or f"{name}.mar")
        write_atomically(output, mar)
        print(f"{output} holds version {version}, {len(mar):,} bytes.")


if __name__ == "__main__":
    main()
