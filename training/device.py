"""Choose the device that trains."""

from __future__ import annotations

import argparse

import torch

from common.errors import UserError


def add_device_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        choices=["auto", "cpu", "cuda", "mps"],
        default="auto",
        help="device that trains (default: auto, the fastest that is there)",
    )


def resolve_device(name: str) -> str:
    """Return "cuda", "mps" or "cpu", the fastest for "auto". Raises UserError when the device is not available."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, is_available in available.items() if is_available)
    if not available[name]:
        raise UserError(f"this machine and this torch have no {name}: use --device auto")
    return name
