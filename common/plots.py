"""How the pictures of this package become PNGs, all in one style."""

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
    """Draw in the project's style, without a screen."""
    mpl.use("agg")
    with plt.style.context(Path(__file__).with_suffix(".mplstyle")):
        yield


def png_of(figure: Figure) -> bytes:
    """Render `figure` and close it; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
