"""Compare the recipes and evaluate one net in detail: an HTML page with pictures and tables, and the figures as JSON.

python -m training.mnist.report                       # report/index.html, about weights/mnist.pt
python -m training.mnist.report --seeds 3 --output docs/training --weights weights/runs/best-seed0.pt
python -m training.mnist.report --redraw docs/training/report.json --output docs/training    # trains nothing

Runs that weights/runs lacks are trained first; after an interruption the same command resumes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tqdm import tqdm

from common.cli import exit_on_error, parser_with_examples, positive_int
from common.errors import UserError
from common.files import write_atomically
from common.paths import ROOT
from training import weights
from training.device import add_device_option, resolve_device
from training.mnist.data import MNIST, add_data_option, load_mnist
from training.mnist.report import findings, page, plots
from training.mnist.report.findings import percent
from training.mnist.report.runs import RECIPES_COMPARED, learning_curves, load_or_train, summarize
from training.mnist.report.scores import scores

Figures = dict[str, Any]


def measure(arguments: argparse.Namespace, command: str, mnist: MNIST) -> Figures:
    """Train the runs that are missing, score the net in `arguments.weights`, and return all figures, ready for JSON."""
    net = weights.load_net("mnist", arguments.weights)
    temperature = weights.load_report(arguments.weights)["temperature"]
    device = resolve_device(arguments.device)
    runs = load_or_train(arguments.recipes, arguments.seeds, arguments.data, arguments.runs, device)
    return {
        "command": command,
        **_provenance(),
        "weights": str(arguments.weights),
        "recipes": summarize(runs),
        "learning_curves": learning_curves(runs),
        "net": scores(net, mnist.test_pixels, mnist.test_labels, temperature),
    }


def _provenance() -> dict[str, str]:
    git = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "commit": git.stdout.strip() or "unknown",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs",
    }


def draw(report: Figures, robustness: Figures | None, mnist: MNIST) -> dict[str, bytes]:
    """Return all pictures as PNGs by name."""
    net = report["net"]
    drawings: dict[str, Callable[[], bytes]] = {
        "comparison": lambda: plots.comparison(report["recipes"]),
        "learning_curves": lambda: plots.learning_curves(report["learning_curves"]),
        "confusion": lambda: plots.confusion(net["confusion"]),
        "mistakes": lambda: plots.mistakes(net["mistakes"], mnist.test_pixels),
        "calibration": lambda: plots.calibration(net),
    }
    if robustness is not None:
        images = (mnist.test_pixels * 255).round().byte().view(-1, 28, 28).numpy()
        drawings["robustness"] = lambda: plots.robustness(robustness, (images, mnist.test_labels.numpy()))
    return {name: make() for name, make in tqdm(drawings.items(), "drawing", leave=False, disable=None)}


def _recipe_table(summaries: list[Figures]) -> str:
    columns = ("recipe", "seeds", "mean accuracy", "min", "max", "mean ECE", "epochs", "median epoch", "fastest seed")
    rows = [
        (
            summary["recipe"],
            str(summary["seeds"]),
            percent(statistics.mean(summary["accuracy"])),
            percent(min(summary["accuracy"])),
            percent(max(summary["accuracy"])),
            percent(statistics.mean(summary["calibration_error"])),
            str(summary["epochs"]),
            f"{summary['epoch_s']:.1f} s",
            f"{min(summary['total_s']):.0f} s",
        )
        for summary in summaries
    ]
    return page.table("Accuracy, calibration error and training time of each recipe", columns, rows)


def _digit_table(net: Figures) -> str:
    rows = [
        (
            str(row["digit"]),
            f"{row['total']:,}",
            f"{row['correct']:,}",
            percent(row["recall"]),
            percent(row["precision"]),
        )
        for row in net["per_class"]
    ]
    return page.table(
        "Recall and precision of each digit", ("digit", "test digits", "right", "recall", "precision"), rows
    )


def _recipe_section(report: Figures, pictures: dict[str, bytes]) -> list[str]:
    means = "; ".join(f"{r['recipe']} {percent(statistics.mean(r['accuracy']))}" for r in report["recipes"])
    ends = "; ".join(f"{n} {percent(e)}" for n, e in findings.final_errors(report["learning_curves"]).items())
    curves = findings.learning_curves(report["learning_curves"])
    return [
        page.heading("Recipes", "recipes"),
        page.picture(
            "comparison.png",
            pictures["comparison"],
            findings.comparison(report["recipes"]),
            f"Dot plot of test accuracy and bar chart of training time. Mean accuracy: {means}.",
        ),
        _recipe_table(report["recipes"]),
        page.picture(
            "learning_curves.png",
            pictures["learning_curves"],
            curves,
            f"Line charts of training loss and test error by epoch. Test error after the last epoch: {ends}.",
        ),
        page.paragraph(report.get("learning_curves_note", "Lines are medians over the seeds, bands their range.")),
    ]


def _net_section(report: Figures, pictures: dict[str, bytes]) -> list[str]:
    net = report["net"]
    count, confidence, correct = plots.merge_bins(net["reliability"])
    bins = "; ".join(
        f"{percent(c / n, 1)} confidence, {percent(k / n, 1)} right"
        for n, c, k in zip(count, confidence, correct, strict=True)
    )
    shown = ", ".join(f"{m['label']} taken for {m['answer']}" for m in net["mistakes"][:10])
    return [
        page.heading("One net in detail", "net"),
        page.paragraph(
            f"The weights {Path(report['weights']).stem} classify {net['correct']:,} of {net['total']:,} test digits "
            f"correctly, {percent(net['correct'] / net['total'])}."
        ),
        _digit_table(net),
        page.picture(
            "confusion.png",
            pictures["confusion"],
            findings.confusion(net["confusion"]),
            "Confusion matrix of true and predicted digits; the table above has the totals of each digit.",
        ),
        page.picture(
            "mistakes.png",
            pictures["mistakes"],
            findings.mistakes(net["mistakes"]),
            f"The misread test digits, most confident first: {shown}, and more." if shown else "No digit is misread.",
        ),
        page.heading("Calibration", "calibration"),
        page.picture(
            "calibration.png",
            pictures["calibration"],
            findings.calibration(net),
            f"Accuracy by confidence with 95 % intervals: {bins}.",
        ),
        page.paragraph(
            f"The expected calibration error is {percent(net['calibration_error'])} at the temperature "
            f"{net['temperature']:g} and {percent(net['calibration_error_uncalibrated'])} without one."
        ),
    ]


def _robustness_section(robustness: Figures, pictures: dict[str, bytes]) -> list[str]:
    accuracy = robustness["accuracy"]
    columns: list[dict[str, float]] = list(accuracy.values())
    first, last = columns[0], columns[-1]
    kinds = "; ".join(
        f"{plots.corruption_label(name)} {percent(first[name], 1)} → {percent(last[name], 1)}" for name in last
    )
    return [
        page.heading("Robustness", "robustness"),
        page.picture(
            "robustness.png",
            pictures["robustness"],
            findings.robustness(accuracy),
            f"Accuracy with a plain resize and with the digit localized first: {kinds}.",
        ),
    ]


def to_html(report: Figures, robustness: Figures | None, pictures: dict[str, bytes]) -> str:
    """Return the page: three findings, then recipes, one net, its calibration and, if measured, robustness."""
    net = report["net"]
    links = [(findings.comparison(report["recipes"]), "recipes"), (findings.calibration(net), "calibration")]
    if robustness is None:
        links.insert(1, (findings.confusion(net["confusion"]), "net"))
    else:
        links.insert(1, (findings.robustness(robustness["accuracy"]), "robustness"))
    versions = report["recipes"][0]["versions"]
    made = f"Measured {report['date']}, commit {report['commit']}, {report['machine']}, torch {versions['torch']}"
    parts = [
        page.bullets(links),
        page.paragraph(made),
        *_recipe_section(report, pictures),
        *_net_section(report, pictures),
        *(_robustness_section(robustness, pictures) if robustness else ()),
        page.heading("Provenance", "provenance"),
        page.paragraph(f"Made by: {report['command']}"),
        '<p>The figures are in <a href="report.json">report.json</a>.</p>',
    ]
    return page.page("MNIST training report", parts)


def build_parser() -> argparse.ArgumentParser:
    parser = parser_with_examples(
        "Compare the recipes and evaluate one net in detail.",
        "python -m training.mnist.report --seeds 3 --robustness robustness.json",
        "python -m training.mnist.report --redraw docs/training/report.json --output docs/training",
    )
    add = parser.add_argument
    add("--weights", type=Path, default=Path("weights/mnist.pt"), help="the net to evaluate (default: %(default)s)")
    add(
        "--recipes",
        nargs="+",
        choices=RECIPES_COMPARED,
        default=list(RECIPES_COMPARED),
        help="recipes to compare (default: all)",
    )
    add("--seeds", type=positive_int, default=1, help="runs of each recipe (default: %(default)s)")
    add(
        "--robustness",
        type=Path,
        metavar="JSON",
        help="draw the output of `training.mnist.robustness --json` too (default: leave it out)",
    )
    add("--runs", type=Path, default=Path("weights/runs"), help="folder of the runs (default: %(default)s)")
    add("--redraw", type=Path, metavar="JSON", help="draw this report.json again (default: measure)")
    add_data_option(parser)
    add_device_option(parser)
    add("--output", type=Path, default=Path("report"), help="folder of the page (default: %(default)s)")
    return parser


def main(argv: Sequence[str] | None = None) -> None:
    argv = sys.argv[1:] if argv is None else argv
    arguments = build_parser().parse_args(argv)
    command = shlex.join(["python", "-m", "training.mnist.report", *argv])
    with exit_on_error(if_interrupted=f"this goes on after the last finished epoch:\n  {command}"):
        robustness = None
        if arguments.robustness:
            robustness = _read_json(
                arguments.robustness, ("accuracy", "count"), "`python -m training.mnist.robustness --json` writes"
            )
        if arguments.redraw:
            report = _read_json(arguments.redraw, ("recipes", "learning_curves", "net"), "a report writes")
            mnist = load_mnist(arguments.data)
        else:
            mnist = load_mnist(arguments.data)
            report = measure(arguments, command, mnist)
        pictures = draw(report, robustness, mnist)
        for name, png in pictures.items():
            write_atomically(arguments.output / f"{name}.png", png)
        write_atomically(arguments.output / "report.json", (json.dumps(report, indent=1) + "\n").encode())
        write_atomically(arguments.output / "index.html", to_html(report, robustness, pictures).encode())
        print(f"look at {arguments.output / 'index.html'}")


def _read_json(path: Path, keys: Sequence[str], writer: str) -> Figures:
    """Read a JSON object that has `keys`. Raises UserError for another content."""
    try:
        figures: Figures = json.loads(path.read_bytes())
        for key in keys:
            figures[key]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is not what {writer}") from error
    return figures


if __name__ == "__main__":
    main()
