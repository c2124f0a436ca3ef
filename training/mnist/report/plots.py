"""The report's pictures, each a PNG made from numbers that `report.json` holds too."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator
from torch import Tensor

from common.plots import style, to_png
from training.mnist.report.runs import Trained

MISTAKES_SHOWN = 60
FEWEST_ANSWERS = 5  # fewer say nothing about accuracy
PERCENT = FuncFormatter(lambda share, _: f"{100 * share:g} %")


def learning_curves(runs: list[Trained]) -> bytes:
    """Loss and error by epoch; the seeds of a recipe share a colour."""
    with style():
        figure, (losses, errors) = plt.subplots(1, 2, figsize=(13, 5))
        colours = {name: f"C{i}" for i, name in enumerate(dict.fromkeys(run.name for run in runs))}
        for run in runs:
            epochs = run.report["epochs"]
            number = [epoch["epoch"] for epoch in epochs]
            look: dict[str, Any] = {
                "color": colours[run.name],
                "label": run.name if run.seed == 0 else None,
                "lw": 1,
                "alpha": 0.8,
            }
            losses.plot(number, [epoch["train_loss"] for epoch in epochs], **look)
            errors.plot(number, [1 - epoch["test_accuracy"] for epoch in epochs], **look)
        for axes, title in ((losses, "Loss on the training digits"), (errors, "Error on the test digits")):
            axes.set(title=title, xlabel="epoch", xscale="log", yscale="log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.legend()
        errors.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        errors.yaxis.set_major_formatter(PERCENT)
        errors.yaxis.set_minor_formatter("")
        return to_png(figure)


def comparison(runs: list[Trained]) -> bytes:
    """Test accuracy of each recipe, a dot for each seed, beside the time it took."""
    with style():
        names = list(dict.fromkeys(run.name for run in runs))
        figure, (accuracies, times) = plt.subplots(1, 2, figsize=(13, 0.6 + 0.55 * len(names)), sharey=True)
        for row, name in enumerate(names):
            reports = [run.report for run in runs if run.name == name]
            accuracy = [report["test"]["accuracy"] for report in reports]
            minutes = min(report["duration_s"] for report in reports) / 60
            accuracies.plot(accuracy, [row] * len(accuracy), "o", color=f"C{row}", alpha=0.8)
            accuracies.annotate(f"{np.mean(accuracy):.2%}", (max(accuracy), row), (8, -4), textcoords="offset points")
            times.barh(row, minutes, color=f"C{row}", height=0.5)
            times.annotate(f"{minutes:.1f}", (minutes, row), (4, -4), textcoords="offset points")
        accuracies.set(title="Test accuracy, a dot for each seed, and their mean", yticks=range(len(names)))
        accuracies.set_yticklabels(names)
        accuracies.invert_yaxis()
        accuracies.margins(x=0.15)
        accuracies.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 5]))
        accuracies.xaxis.set_major_formatter("{x:.1%}")
        times.set(title="Minutes of training, the quickest of the runs")
        times.margins(x=0.12)
        return to_png(figure)


def confusion(counts: list[list[int]]) -> bytes:
    """How often each digit was taken for which; right answers are left pale, or nothing else could be seen."""
    with style():
        figure, axes = plt.subplots(figsize=(6.6, 6))
        table = np.array(counts)
        wrong = np.where(np.eye(10, dtype=bool), 0, table)
        axes.imshow(wrong, cmap="Oranges", vmax=max(1, wrong.max()) * 1.3)
        for label, answer in np.ndindex(10, 10):
            if table[label, answer]:
                axes.text(answer, label, f"{table[label, answer]:,}", ha="center", va="center", fontsize=10)
        axes.set(title="Digits and answers", xlabel="answered", ylabel="digit", xticks=range(10), yticks=range(10))
        axes.grid(visible=False)
        return to_png(figure)


def mistakes(found: list[dict[str, Any]], pixels: Tensor) -> bytes:
    """The mistakes made with most confidence, as a contact sheet; `pixels` are all test digits, [n, 784]."""
    shown = found[:MISTAKES_SHOWN]
    with style():
        figure, grid = plt.subplots(
            max(1, -(-len(shown) // 12)), 12, figsize=(13, 1.45 * max(1, -(-len(shown) // 12)) + 0.5)
        )
        figure.suptitle("The surest mistakes: what it is → what it was taken for")
        for axes in np.ravel(grid):
            axes.axis("off")
        for axes, mistake in zip(np.ravel(grid), shown, strict=False):
            axes.imshow(pixels[mistake["index"]].view(28, 28).numpy(), cmap="gray_r")
            axes.set_title(f"{mistake['label']} → {mistake['answer']}  {mistake['confidence']:.0%}", fontsize=9)
            axes.title.set_horizontalalignment("left")
        return to_png(figure)


def calibration(scores: dict[str, Any], temperature: float) -> bytes:
    """Accuracy of the answers in each bin of confidence, with the temperature and without, and how many there are."""
    with style():
        figure, (curve, counts) = plt.subplots(2, 1, figsize=(6.6, 6), height_ratios=(3, 1), sharex=True)
        curve.plot([0, 1], [0, 1], color="0.6", lw=1, label="what it says is what it is")
        for name, key, colour in (
            (f"temperature {temperature:g}", "", "C0"),
            ("without temperature", "_uncalibrated", "C1"),
        ):
            count, confidence, correct = np.array(scores[f"reliability{key}"])
            held = count >= FEWEST_ANSWERS
            error = scores[f"calibration_error{key}"]
            curve.plot(
                confidence[held] / count[held],
                correct[held] / count[held],
                "o-",
                color=colour,
                label=f"{name}: ECE {error:.2%}",
            )
            edges = np.linspace(0, 1, len(count) + 1)
            counts.stairs(count, edges, color=colour, lw=1.5)
        curve.set(title=f"Accuracy by confidence, in bins of {FEWEST_ANSWERS} answers or more", ylabel="accuracy")
        curve.legend(loc="upper left")
        counts.set(xlabel="confidence", ylabel="answers", yscale="log")
        return to_png(figure)


def by_kind(steps: dict[str, dict[str, float]]) -> bytes:
    """Accuracy on each kind of picture: with a plain resize, and as the service reads it."""
    plain, ours = steps["plain resize"], list(steps.values())[-1]
    with style():
        figure, axes = plt.subplots(figsize=(9, 0.9 + 0.32 * len(ours)))
        names = sorted(ours, key=lambda name: (ours[name], plain[name]))
        _dumbbells(axes, [plain[name] for name in names], [ours[name] for name in names])
        axes.set(title="Digits as people send them: right answers by kind of picture", yticks=range(len(names)))
        axes.set_yticklabels([name.replace("_", " ") for name in names])
        axes.xaxis.set_major_formatter(PERCENT)
        axes.xaxis.set_major_locator(MaxNLocator(11))
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.05), ncols=2)
        return to_png(figure)


def _dumbbells(axes: Axes, before: list[float], after: list[float]) -> None:
    rows = range(len(before))
    axes.hlines(rows, before, after, color="0.8", lw=2)
    axes.plot(before, rows, "o", color="C1", label="resized to 28×28, as is usually done")
    axes.plot(after, rows, "o", color="C0", label="read as the service does")
