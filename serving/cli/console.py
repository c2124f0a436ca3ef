"""Terminal output: tables, bars and a heat map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from serving.client import Explanation, Prediction

console = Console()
BAR_WIDTH = 30


def show_prediction(prediction: Prediction, name: str) -> None:
    """Print the digit and a bar for each of the ten probabilities."""
    table = Table(title=f"{name}: {prediction.digit} ({prediction.confidence:.2%})", show_header=False, box=None)
    for digit, probability in enumerate(prediction.probabilities):
        style = "bold green" if digit == prediction.digit else "dim"
        table.add_row(str(digit), "█" * round(probability * BAR_WIDTH), f"{probability:.2%}", style=style)
    console.print(table)


def show_attribution(explanation: Explanation) -> None:
    """Print the 28×28 attribution: red supports the digit, blue contradicts it."""
    largest = max(abs(value) for row in explanation.attribution for value in row) or 1.0
    for row in explanation.attribution:
        line = Text()
        for value in row:
            strength = round(255 * abs(value) / largest)
            colour = f"rgb({strength},0,0)" if value > 0 else f"rgb(0,0,{strength})"
            line.append("  ", style=f"on {colour}")
        console.print(line)


def show_models(descriptions: Sequence[Mapping[str, Any]]) -> None:
    """Print one row for each model."""
    table = Table("model", "version", "workers", "ready", "batch", "delay (ms)", "at startup")
    for model in descriptions:
        ready = sum(worker["status"] == "READY" for worker in model["workers"])
        columns = ("modelName", "modelVersion", "maxWorkers")
        row = [str(model[column]) for column in columns] + [str(ready)]
        at_startup = "yes" if model["loadedAtStartup"] else "no"
        table.add_row(*row, str(model["batchSize"]), str(model["maxBatchDelay"]), at_startup)
    console.print(table)


def show_description(description: Mapping[str, Any]) -> None:
    """Print a model's properties, one a line."""
    table = Table(show_header=False, box=None)
    for name, value in description.items():
        table.add_row(name, str(value))
    console.print(table)


def show_versions(stats: Mapping[str, Mapping[str, float | None]]) -> None:
    """Print a column for each version and a row for each statistic."""
    table = Table("", *stats)
    for row in next(iter(stats.values())):
        name = f"read as {row}" if row.isdigit() else _ROWS[row]
        table.add_row(name, *(_format_value(row, column[row]) for column in stats.values()))
    console.print(table)


_ROWS = {
    "requests": "requests",
    "no_digit": "refused: no digit",
    "bad_request": "refused: cannot be read",
    "failed": "failed",
    "requests_in_a_batch": "requests in a batch",
    "batch_ms": "a batch in the worker (ms)",
    "digits": "digits read",
    "confidence": "confidence",
    "uncertain": "at most 90 % sure",
}


def _format_value(row: str, value: float | None) -> str:
    """Format counts without decimals, times and sizes with two, and shares in per cent."""
    if value is None:
        return "–"
    if row in ("requests_in_a_batch", "batch_ms"):
        return f"{value:.2f}"
    return f"{value:.2%}" if row in ("confidence", "uncertain") or row.isdigit() else f"{value:.0f}"
