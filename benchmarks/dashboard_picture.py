"""A Grafana dashboard drawn with matplotlib: panels of type stat and timeseries, in the dashboard's own grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter
from numpy.typing import NDArray

from training.pictures import png_of, style

COLUMNS = 24
Box = tuple[float, float, float, float]
WIDTH_INCH, UNIT_INCH = 17.0, 0.44  # of the picture, and of one step of the grid in height
COLOURS = {"green": "#009E73", "red": "#D55E00", "yellow": "#E69F00", "orange": "#E69F00", "transparent": "0.15"}


class Line(NamedTuple):
    """One series: its name, and its values [n], NaN where there are none, at so many seconds [n] from the start."""

    name: str
    seconds: NDArray[np.float64]
    values: NDArray[np.float64]


def draw(dashboard: Mapping[str, Any], lines: Mapping[int, Sequence[Line]]) -> bytes:
    """Render the dashboard as a PNG; `lines` are those of each panel by its id."""
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"])
    with style():
        plt.rcParams["figure.constrained_layout.use"] = False
        figure = plt.figure(figsize=(WIDTH_INCH, rows * UNIT_INCH + 0.7))
        height_inch = figure.get_figheight()
        figure.text(0.008, 1 - 0.35 / height_inch, dashboard["title"], size=17, weight="bold", va="center")
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            left, bottom = place["x"] / COLUMNS, (rows - place["y"] - place["h"]) * UNIT_INCH / height_inch
            box = (left, bottom, place["w"] / COLUMNS, place["h"] * UNIT_INCH / height_inch)
            if panel["type"] != "row":
                frame = (left + 0.004, bottom + 0.06 / height_inch), box[2] - 0.008, box[3] - 0.12 / height_inch
                figure.add_artist(Rectangle(*frame, facecolor="none", edgecolor="0.85", lw=1))
            if panel["type"] == "row":
                figure.text(left + 0.008, bottom + box[3] * 0.35, panel["title"], size=13, color="0.35", va="center")
            elif panel["type"] == "stat":
                _stat(figure, panel, lines[panel["id"]], box)
            else:
                _timeseries(figure, panel, lines[panel["id"]], box)
        return png_of(figure)


def _axes(figure: Figure, box: Box, margins_inch: Box) -> Axes:
    """Axes within a box of the figure; margins are left, bottom, right, top."""
    width, height = figure.get_figwidth(), figure.get_figheight()
    left, bottom, right, top = margins_inch
    x, y, w, h = box
    return figure.add_axes(
        (x + left / width, y + bottom / height, w - (left + right) / width, h - (top + bottom) / height)
    )


def _stat(figure: Figure, panel: Mapping[str, Any], lines: Sequence[Line], box: Box) -> None:
    axes = _axes(figure, box, (0.2, 0.15, 0.2, 0.5))
    axes.set_title(panel["title"], size=12, y=1.0, pad=5)
    axes.set_axis_off()
    defaults = panel["fieldConfig"]["defaults"]
    known = lines[0].values[np.isfinite(lines[0].values)] if lines else np.array([])
    value = float(known[-1]) if len(known) else np.nan
    colour = _colour(defaults.get("thresholds", {}).get("steps", []), value)
    if len(known):
        axes.fill_between(lines[0].seconds, lines[0].values, color=colour, alpha=0.15, lw=0)
        axes.plot(lines[0].seconds, lines[0].values, color=colour, lw=1)
        axes.set_ylim(0, max(float(known.max()) * 2.8, 1e-9))
    text = _written(value, defaults["unit"]) if len(known) else "no data"
    axes.text(0.5, 0.68, text, transform=axes.transAxes, size=24, weight="bold", color=colour, ha="center", va="center")


def _colour(steps: Sequence[Mapping[str, Any]], value: float) -> str:
    names = [step["color"] for step in steps if step["value"] is None or value >= step["value"]]
    return COLOURS[names[-1]] if names else "#0072B2"


def _timeseries(figure: Figure, panel: Mapping[str, Any], lines: Sequence[Line], box: Box) -> None:
    axes = _axes(figure, box, (0.85, 0.9, 0.35, 0.55))
    axes.set_title(panel["title"], size=12, y=1.0, pad=8)
    defaults = panel["fieldConfig"]["defaults"]
    custom = defaults["custom"]
    if custom.get("stacking"):
        _stacked(axes, lines)
    else:
        for line in lines:
            axes.plot(line.seconds, line.values, label=line.name, lw=1.6, clip_on=False)
    for step in defaults.get("thresholds", {}).get("steps", []):
        if step["value"] is not None:
            axes.axhline(step["value"], color=COLOURS[step["color"]], ls="--", lw=1)
    _scale(axes, defaults)
    if lines:
        axes.set_xlim(0, lines[0].seconds[-1])
        columns = 5 if len(lines) > 5 else max(len(lines), 1)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=columns, fontsize=9.5, columnspacing=1.2)
    else:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center")


def _stacked(axes: Axes, lines: Sequence[Line]) -> None:
    if not lines:
        return
    colours = plt.get_cmap("tab10").colors if len(lines) > 7 else None  # type: ignore[attr-defined]
    values = np.array([line.values for line in lines])
    there = np.isfinite(values).any(axis=0)
    values = np.nan_to_num(values[:, there])
    axes.stackplot(lines[0].seconds[there], values, labels=[line.name for line in lines], colors=colours, alpha=0.8)


def _scale(axes: Axes, defaults: Mapping[str, Any]) -> None:
    unit = defaults["unit"]
    if defaults["custom"].get("scaleDistribution", {}).get("type") == "log":
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        counts = defaults.get("decimals") == 0
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=counts))
        if counts:
            axes.set_ylim(top=max(1.0, axes.get_ylim()[1]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _written(value, unit)))
    axes.xaxis.set_major_locator(MultipleLocator(60))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: f"{seconds / 60:g} min"))
    axes.tick_params(labelsize=9.5)
    axes.margins(x=0)
    if "min" in defaults:
        axes.set_ylim(bottom=defaults["min"])
    if "max" in defaults:
        axes.set_ylim(top=defaults["max"])


def _written(value: float, unit: str) -> str:
    """Write a value with Grafana's units: s, percentunit, reqps, none."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "reqps":
        return f"{value:,.0f}/s" if value >= 10 or value == 0 else f"{value:.2g}/s"
    if unit == "s":
        return f"{1000 * value:.3g} ms" if value < 1 else f"{value:.3g} s"
    return f"{value:,.4g}"
