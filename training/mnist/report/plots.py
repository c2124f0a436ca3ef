"""Draw the report's pictures as PNGs, from the numbers in `report.json` and `robustness.json`."""

from __future__ import annotations

import io
import statistics
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator
from PIL import Image, ImageOps
from torch import Tensor

from common.plots import style, to_png
from training.mnist.report import findings
from training.mnist.robustness.corruptions import CORRUPTIONS
from training.mnist.robustness.samples import Digits, generate_samples

MISTAKES_SHOWN = 60
MISTAKES_PER_ROW = 10
MIN_BIN = 30  # answers in a bin of the calibration curve; neighbouring bins are merged until they have so many
GREY = "0.55"
THUMBNAIL_PX = 96
CORRUPTION_LABELS = {
    "ballpoint_photo": "ballpoint, photo",
    "marker_photo": "marker, photo",
    "pencil": "pencil, photo",
    "shadowed": "photo with a shadow",
    "vignetted": "photo with dark corners",
    "colour_drawing": "drawing in colour",
    "transparent": "transparent background",
    "small_in_large": "small digit, large page",
    "phone_12mp": "12-megapixel photo",
    "canvas_28": "drawing of 28×28 pixels",
    "paper_on_table": "paper on a table",
    "poor_jpeg": "low-quality JPEG",
}


def comparison(recipes: list[dict[str, Any]]) -> bytes:
    """Draw each recipe's test accuracy, a dot for each seed and a tick at the mean, and its training time."""
    with style():
        names = [recipe["recipe"] for recipe in recipes]
        figure, (accuracies, times) = plt.subplots(
            1, 2, figsize=(10, 1.4 + 0.45 * len(names)), sharey=True, width_ratios=(3, 2)
        )
        figure.suptitle(findings.comparison(recipes), x=0.01, ha="left")
        for row, recipe in enumerate(recipes):
            accuracy, mean = 100 * np.array(recipe["accuracy"]), 100 * statistics.mean(recipe["accuracy"])
            accuracies.plot(accuracy, [row] * len(accuracy), "o", color="C0", alpha=0.45, ms=6)
            accuracies.plot([mean], [row], "|", color="C0", ms=20, mew=2.5)
            accuracies.annotate(f"{mean:.2f}", (mean, row), (0, 13), textcoords="offset points", ha="center")
            seconds = min(recipe["total_s"])
            times.barh(row, seconds, color="C0", height=0.45)
            times.annotate(f"{seconds:.0f} s", (seconds, row), (4, 0), textcoords="offset points", va="center")
        accuracies.set(xlabel="test accuracy (%), a dot for each seed, a tick at the mean", yticks=range(len(names)))
        accuracies.set_yticklabels(names)
        accuracies.set_ylim(len(names) - 0.5, -0.75)
        accuracies.margins(x=0.1)
        accuracies.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5]))
        times.set(xlabel="training time (s), the fastest seed")
        times.margins(x=0.15)
        for axes in (accuracies, times):
            axes.grid(visible=False, axis="y")
            axes.tick_params(axis="y", length=0)
        return to_png(figure)


def learning_curves(curves: list[dict[str, Any]]) -> bytes:
    """Draw training loss and test error by epoch: the median of each recipe's seeds and a band over all of them.

    Variants of `study` are grey.
    """
    with style():
        names = list(dict.fromkeys(curve["recipe"] for curve in curves))
        longest = max(len(curve["train_loss"]) for curve in curves)
        figure, panels = plt.subplots(1, 2, figsize=(12, 4.8))
        figure.suptitle(findings.learning_curves(curves), x=0.01, ha="left")
        recipes = [name for name in names if not name.startswith("study,")]
        for axes, key in zip(panels, ("train_loss", "test_error"), strict=True):
            ends = []
            for name in names:
                values = np.array([curve[key] for curve in curves if curve["recipe"] == name])
                colour = f"C{recipes.index(name)}" if name in recipes else GREY
                median, epochs = np.median(values, 0), range(1, values.shape[1] + 1)
                axes.plot(
                    epochs, median, color=colour, lw=2 if name in recipes else 1, zorder=3 if name in recipes else 2
                )
                axes.fill_between(epochs, values.min(0), values.max(0), color=colour, alpha=0.2, lw=0)
                ends.append((len(epochs), float(median[-1]), name, colour))
            axes.set(xlabel="epoch", yscale="log", xscale="log" if longest > 40 else "linear")
            _label_ends(axes, ends)
        panels[0].set(ylabel="training loss (cross-entropy)")
        panels[1].set(ylabel="test error (%)")
        panels[1].yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5)))
        panels[1].yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}")
        panels[1].yaxis.set_minor_formatter("")
        for axes in panels:
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if longest > 40 else MaxNLocator(integer=True))
            axes.xaxis.set_major_formatter("{x:g}")
        return to_png(figure)


def _label_ends(axes: Axes, ends: list[tuple[int, float, str, str]]) -> None:
    """Write each name at the end of its line, on a logarithmic y axis, moved up so that no two overlap."""
    low, high = np.log10(axes.get_ylim())
    gap = (high - low) / 16
    highest: dict[int, float] = {}  # label at each epoch
    for epoch, value, name, colour in sorted(ends, key=lambda end: end[1]):
        at = highest[epoch] = max(np.log10(value), highest.get(epoch, -np.inf) + gap)
        axes.annotate(
            name,
            (epoch, value),
            (18, (at - np.log10(value)) / (high - low) * axes.bbox.height * 72 / axes.figure.dpi),
            textcoords="offset points",
            va="center",
            color=colour if colour != GREY else "0.4",
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.7, "shrinkA": 0, "shrinkB": 2},
        )


def confusion(counts: list[list[int]]) -> bytes:
    """Draw the confusion matrix: mistakes coloured, right answers grey, zeros white and without a number."""
    with style():
        figure, axes = plt.subplots(figsize=(6.4, 6.4))
        table = np.array(counts)
        right = np.eye(10, dtype=bool)
        wrong = np.ma.masked_where(right | (table == 0), table)
        axes.imshow(np.where(right, 0.12, 0), cmap="Greys", vmin=0, vmax=1)
        axes.imshow(wrong, cmap="Oranges", vmin=-1, vmax=max(1, np.where(right, 0, table).max()) * 1.3)
        for label, answer in np.argwhere(table):
            colour = "0.45" if label == answer else "black"
            axes.text(answer, label, f"{table[label, answer]:,}", ha="center", va="center", fontsize=10, color=colour)
        axes.set(xlabel="predicted digit", ylabel="true digit", xticks=range(10), yticks=range(10))
        axes.set_title(findings.confusion(counts))
        axes.spines[:].set(visible=True, color="0.8")
        axes.grid(visible=False)
        axes.tick_params(length=0)
        return to_png(figure)


def mistakes(found: list[dict[str, Any]], pixels: Tensor) -> bytes:
    """Draw the most confident mistakes as a contact sheet; `pixels` are all test digits, float32 [n, 784]."""
    shown = found[:MISTAKES_SHOWN]
    rows = max(1, -(-len(shown) // MISTAKES_PER_ROW))
    with style():
        figure, grid = plt.subplots(rows, MISTAKES_PER_ROW, figsize=(11, 1.22 * rows + 0.8))
        note = f"The {len(shown)} most confident: true digit → prediction, confidence"
        figure.suptitle(f"{findings.mistakes(found)}\n{note}", x=0.01, ha="left", fontsize=12)
        for axes in np.ravel(grid):
            axes.axis("off")
        for axes, mistake in zip(np.ravel(grid), shown, strict=False):
            axes.imshow(pixels[mistake["index"]].view(28, 28).numpy(), cmap="gray_r")
            axes.set_title(f"{mistake['label']} → {mistake['answer']}   {mistake['confidence']:.0%}", fontsize=11)
            axes.title.set_horizontalalignment("left")
        return to_png(figure)


def merge_bins(reliability: list[list[float]]) -> npt.NDArray[np.float64]:
    """Merge neighbouring bins, from the lowest confidence on, to at least `MIN_BIN` answers.

    Takes and returns counts, sums of confidence and right answers: [3, bins]. A rest at the end joins the last bin.
    """
    merged: list[npt.NDArray[np.float64]] = []
    current = np.zeros(3)
    for column in np.array(reliability, float).T:
        current = current + column
        if current[0] >= MIN_BIN:
            merged.append(current)
            current = np.zeros(3)
    if current[0] and merged:
        merged[-1] = merged[-1] + current
    elif current[0]:
        merged.append(current)
    return np.array(merged).T


def calibration(net: dict[str, Any]) -> bytes:
    """Draw accuracy by confidence with 95 % Wilson intervals, an inset of the last bin, and the answers in each bin."""
    count, confidence, correct = merge_bins(net["reliability"])
    x, y = 100 * confidence / count, 100 * correct / count
    errors = np.abs(100 * findings.wilson_interval(correct, count) - y)
    with style():
        figure, (curve, counts) = plt.subplots(2, 1, figsize=(7.5, 7.2), height_ratios=(3, 1), sharex=True)
        figure.suptitle(findings.calibration(net), x=0.01, ha="left")
        inset = curve.inset_axes((0.6, 0.1, 0.37, 0.37))
        for axes in (curve, inset):
            axes.plot([0, 100], [0, 100], color=GREY, lw=1, ls="--")
            axes.errorbar(x, y, errors, fmt="o", color="C0", capsize=3)
        low, high = min(x[-1], y[-1] - errors[0][-1]), min(100, max(x[-1], y[-1] + errors[1][-1]))
        margin = 0.4 * (high - low)
        limits = (low - margin, min(100, high + margin))
        inset.set(xlim=limits, ylim=limits)
        inset.set_title(f"the last bin, {count[-1] / count.sum():.0%} of all answers", fontsize=9)
        inset.tick_params(labelsize=8)
        inset.xaxis.set_major_locator(MaxNLocator(3))
        inset.yaxis.set_major_locator(MaxNLocator(3))
        curve.annotate("accuracy = confidence", (47, 48.5), color="0.4", fontsize=9, rotation=0, ha="right")
        curve.set(ylabel="accuracy (%), 95 % Wilson intervals", xlim=(0, 103), ylim=(0, 103))
        counts.vlines(x, 1, count, color="C0", lw=8)
        for at, answers in zip(x, count, strict=True):
            counts.annotate(
                f"{answers:,.0f}", (at, answers), (0, 3), textcoords="offset points", ha="center", fontsize=9
            )
        counts.set(
            xlabel=f"mean confidence of a bin (%), at least {MIN_BIN} answers each", ylabel="answers", yscale="log"
        )
        counts.set_ylim(1, count.max() * 6)
        return to_png(figure)


def thumbnail(data: bytes) -> npt.NDArray[np.uint8]:
    """Return the image file as a square of uint8 [THUMBNAIL_PX, THUMBNAIL_PX, 3], transparency on grey."""
    with Image.open(io.BytesIO(data)) as image:
        upright = ImageOps.exif_transpose(image).convert("RGBA")
    background = Image.new("RGBA", upright.size, (150, 150, 150, 255))
    flat = Image.alpha_composite(background, upright).convert("RGB")
    return np.asarray(ImageOps.fit(flat, (THUMBNAIL_PX, THUMBNAIL_PX)))


def corruption_label(name: str) -> str:
    return CORRUPTION_LABELS.get(name, name.replace("_", " "))


def robustness(figures: dict[str, Any], digits: Digits) -> bytes:
    """Draw the accuracy on each corruption, with a plain resize and as served, beside a picture of the corruption."""
    accuracy, count = figures["accuracy"], figures["count"]
    columns: list[dict[str, float]] = list(accuracy.values())
    before, after = columns[0], columns[-1]
    names = list(after)
    with style():
        figure, (pictures, axes) = plt.subplots(
            1, 2, figsize=(9, 1.5 + 0.46 * len(names)), sharey=True, width_ratios=(1, 13)
        )
        figure.suptitle(findings.robustness(accuracy), x=0.01, ha="left")
        for row, name in enumerate(names):
            if name in CORRUPTIONS:
                (sample,) = generate_samples(name, CORRUPTIONS[name], 1, digits)
                pictures.imshow(thumbnail(sample.data), extent=(0, 1, row + 0.44, row - 0.44), aspect="auto")
        pictures.set_xlim(0, 1)
        pictures.spines[:].set_visible(False)
        pictures.grid(visible=False)
        pictures.tick_params(length=0, bottom=False, labelbottom=False)
        for column, colour, label in ((before, "C1", "resized to 28×28"), (after, "C0", "digit localized first")):
            share = np.array([column[name] for name in names])
            errors = np.abs(findings.wilson_interval(share * count, np.full(len(share), count)) - share)
            axes.errorbar(
                100 * share, range(len(names)), xerr=100 * errors, fmt="o", ms=5, color=colour, label=label, capsize=2
            )
        axes.hlines(
            range(len(names)), [100 * before[n] for n in names], [100 * after[n] for n in names], "0.85", zorder=0
        )
        axes.set(xlabel=f"accuracy (%), {count} pictures of each kind, 95 % Wilson intervals", xlim=(0, 101))
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        pictures.set_yticks(range(len(names)), [corruption_label(name) for name in names])
        pictures.set_ylim(len(names) - 0.5, -0.5)
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0)
        return to_png(figure)
