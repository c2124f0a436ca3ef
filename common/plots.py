"""Render figures as PNG files in the project's style."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure


@contextmanager
def style() -> Iterator[None]:
    """Use the project's style, and a backend that needs no display."""
    mpl.use("agg")
    with plt.style.context(Path(__file__).with_suffix(".mplstyle")):
        yield


def to_png(figure: Figure) -> bytes:
    """Return `figure` as a PNG and close it; equal figures give equal bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
