"""The folder of the steps' files, and their pictures."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from common.plots import style, to_png

FOLDER = Path("build/learn")
FOLDER.mkdir(parents=True, exist_ok=True)


def save(figure: Figure, name: str) -> None:
    """Write `figure` to build/learn/`name`.png, close it, and print its path."""
    path = FOLDER / f"{name}.png"
    with style():  # it also sets the resolution
        path.write_bytes(to_png(figure))
    print(f"picture: {path}")
