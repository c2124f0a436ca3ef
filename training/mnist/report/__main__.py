"""Compare the recipes and look at one net closely: a page of pictures and tables, and the numbers as JSON.

python -m training.mnist.report                       # report/index.html, about weights/mnist.pt
python -m training.mnist.report --seeds 3 --output docs/training --weights weights/runs/best-seed0.pt

What is not there yet is trained first, into weights/runs; interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from common.cli import UserError, exit_on_error, positive_int
from common.files import write_atomically
from training import weights
from training.mnist import data as mnist_data
from training.mnist.report import page, plots
from training.mnist.report.runs import RECIPES_COMPARED, Trained, trained
from training.mnist.report.scores import scores
from training.mnist.train import resolve_device


def compared(runs: list[Trained]) -> list[dict[str, Any]]:
    """Sum up each recipe's runs: accuracy and calibration error over its seeds, and the time they took."""
    summaries = []
    for name in dict.fromkeys(run.name for run in runs):
        reports = [run.report for run in runs if run.name == name]
        accuracy = [report["test"]["accuracy"] for report in reports]
        summaries.append(
            {
                "recipe": name,
                "seeds": len(reports),
                "accuracy": accuracy,
                "calibration_error": [report["test"]["calibration_error"] for report in reports],
                "epochs": len(reports[0]["epochs"]),
                "epoch_s": statistics.median(epoch["seconds"] for report in reports for epoch in report["epochs"]),
                "total_s": [report["duration_s"] for report in reports],
                "versions": reports[0]["versions"],
                "device": reports[0]["device"],
            }
        )
    return summaries


def _recipes(summaries: list[dict[str, Any]]) -> str:
    columns = (
        "recipe",
        "seeds",
        "accuracy, mean",
        "min",
        "max",
        "ECE, mean",
        "epochs",
        "epoch, median",
        "in all, least",
    )
    rows = [
        (
            summary["recipe"],
            str(summary["seeds"]),
            f"{statistics.mean(summary['accuracy']):.2%}",
            f"{min(summary['accuracy']):.2%}",
            f"{max(summary['accuracy']):.2%}",
            f"{statistics.mean(summary['calibration_error']):.2%}",
            str(summary["epochs"]),
            f"{summary['epoch_s']:.1f} s",
            f"{min(summary['total_s']):.0f} s",
        )
        for summary in summaries
    ]
    return page.table(columns, rows)


def _digits(of_net: dict[str, Any]) -> str:
    rows = [
        (
            str(row["digit"]),
            f"{row['total']:,}",
            f"{row['correct']:,}",
            f"{row['recall']:.2%}",
            f"{row['precision']:.2%}",
        )
        for row in of_net["per_class"]
    ]
    return page.table(
        ("digit", "in the test set", "right", "found (recall)", "of these answers right (precision)"), rows
    )


def _page(report: dict[str, Any], has_wild: bool) -> str:
    net, digits = report["net"], f"{report['net']['correct']:,} of {report['net']['total']:,}"
    parts = [
        page.paragraph(f"Made by: {report['command']}. Figures in report.json."),
        page.heading("The recipes"),
        page.picture("comparison.png", "test accuracy and time of each recipe"),
        _recipes(report["recipes"]),
        page.picture("learning_curves.png", "loss and error by epoch"),
        page.heading(f"The net in {report['weights']}"),
        page.paragraph(f"It reads {digits} test digits right, {net['correct'] / net['total']:.2%}."),
        _digits(net),
        page.picture("confusion.png", "digits and answers"),
        page.picture("mistakes.png", "the surest mistakes"),
        page.heading("What its confidence means"),
        page.picture("calibration.png", "accuracy by confidence"),
    ]
    if has_wild:
        parts += [page.heading("Digits as people send them"), page.picture("wild.png", "accuracy by kind of picture")]
    return page.page("MNIST Net: the training report", parts)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description="Compare the recipes and look at one net closely. In brackets: defaults."
    )
    parser.add_argument("--weights", type=Path, default=Path("weights/mnist.pt"), help="(weights/mnist.pt)")
    parser.add_argument(
        "--recipes", nargs="+", choices=RECIPES_COMPARED, default=list(RECIPES_COMPARED), help="to compare (all)"
    )
    parser.add_argument("--seeds", type=positive_int, default=1, help="runs of each recipe (1)")
    parser.add_argument(
        "--robustness", type=Path, metavar="JSON", help="what `training.mnist.robustness --json` wrote, drawn as well"
    )
    parser.add_argument("--runs", type=Path, default=Path("weights/runs"), help="where the runs are (weights/runs)")
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds MNIST/raw (data)")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda", "mps"], default="auto", help="(auto)")
    parser.add_argument("--output", type=Path, default=Path("report"), help="folder of the page (report)")
    argv = sys.argv[1:] if argv is None else argv
    arguments = parser.parse_args(argv)
    command = shlex.join(["python", "-m", "training.mnist.report", *argv])
    with exit_on_error(if_interrupted=f"this goes on after the last finished epoch:\n  {command}"):
        net = weights.MNISTNET(weights.load_state(arguments.weights))
        temperature = weights.load_report(arguments.weights)["temperature"]
        wild = _read_wild(arguments.wild) if arguments.wild else None
        device = resolve_device(arguments.device)
        runs = trained(arguments.recipes, arguments.seeds, arguments.data, arguments.runs, device)
        mnist = mnist_data.load(arguments.data)
        of_net = scores(net, mnist.test_pixels, mnist.test_labels, temperature)
        report = {"command": command, "weights": str(arguments.weights), "recipes": compared(runs), "net": of_net}
        drawings: dict[str, Callable[[], bytes]] = {
            "comparison": lambda: plots.comparison(runs),
            "learning_curves": lambda: plots.learning_curves(runs),
            "confusion": lambda: plots.confusion(of_net["confusion"]),
            "mistakes": lambda: plots.mistakes(of_net["mistakes"], mnist.test_pixels),
            "calibration": lambda: plots.calibration(of_net, temperature),
        }
        if wild is not None:
            drawings["wild"] = partial(plots.by_kind, wild)
        for name, draw in tqdm(drawings.items(), "drawing", leave=False, disable=None):
            write_atomically(arguments.out / f"{name}.png", draw())
        write_atomically(arguments.out / "report.json", (json.dumps(report, indent=1) + "\n").encode())
        write_atomically(arguments.out / "index.html", _page(report, has_wild=wild is not None).encode())
        print(f"look at {arguments.out / 'index.html'}")


def _read_wild(path: Path) -> dict[str, dict[str, float]]:
    try:
        steps: dict[str, dict[str, float]] = json.loads(path.read_bytes())["accuracy"]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not what `python -m training.mnist.robustness --json` writes") from error
    return steps


if __name__ == "__main__":
    main()
