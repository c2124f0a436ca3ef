"""Save and load weights: a state_dict (`mnist.pt`) and the report of its training beside it (`mnist.json`)."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from common.errors import UserError
from common.files import sha256, write_atomically

Report = dict[str, Any]


class WeightsError(UserError):
    """Weights or their report are missing, broken, or of another net."""


def report_path(weights: Path) -> Path:
    return weights.with_suffix(".json")


def save(net: nn.Module, report: Report, path: Path) -> None:
    """Write the net's state_dict to `path` as CPU tensors, and its report with `weights_sha256` beside it."""
    content = to_bytes({name: tensor.cpu() for name, tensor in net.state_dict().items()})
    write_atomically(path, content)
    report = {**report, "weights_sha256": sha256(content)}
    write_atomically(report_path(path), (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


def to_bytes(state: Mapping[str, Any]) -> bytes:
    """Return the content of the file that torch.save writes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def load_state(path: Path) -> dict[str, Any]:
    """Read a state_dict or checkpoint on to the CPU. Raises WeightsError when the file is missing or broken."""
    if not path.is_file():
        raise WeightsError(f"{path} is not there: train it first")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zipfile and torch raise many types for broken bytes
        raise WeightsError(f"{path} is broken ({type(error).__name__}): delete it and train again") from error
    if not isinstance(state, dict):
        raise WeightsError(f"{path} holds a {type(state).__name__}, not a state_dict: delete it and train again")
    return state


def load_net(name: str, path: Path) -> Any:
    """Build the net of the model `name` with the weights in `path`: an nn.Module of model/NAME/net.py, on the CPU.

    Raises WeightsError when the file is missing or broken, or its weights are of another net.
    """
    state = load_state(path)
    try:
        return importlib.import_module(f"model.{name}.net").build(state)
    except (LookupError, ValueError, AttributeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"the weights {path} do not fit model/{name}/net.py ({reason}): train them with training.{name}.train"
        ) from error


def load_report(weights: Path) -> Report:
    """Read the report beside `weights`. Raises WeightsError when it is missing, broken, or of other weights."""
    path = report_path(weights)
    if not path.is_file() or not weights.is_file():
        missing = weights if path.is_file() else path
        raise WeightsError(f"{missing} is not there: train to make the weights and their report")
    try:
        report: Report = json.loads(path.read_bytes())
        recorded_sha256, _ = report["weights_sha256"], report["test"]["accuracy"]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} is broken: delete it and train again") from error
    if recorded_sha256 != sha256(weights.read_bytes()):
        raise WeightsError(f"{path} reports on other weights than {weights} (the SHA-256 differs): train again")
    return report


def versions() -> dict[str, str]:
    """Return the versions of Python, torch, torchvision (if installed) and the platform, for reports."""
    found = {"python": platform.python_version(), "torch": torch.__version__, "platform": platform.platform()}
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # the training image has none
        found["torchvision"] = importlib.metadata.version("torchvision")
    return found
