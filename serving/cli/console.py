"""Terminal output: tables, bars and a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from model.config import ModelConfig

console = Console()
BAR_WIDTH = 30
MAX_VALUES = 10  # longer lists are described by their shape


def show_prediction(prediction: Mapping[str, Any], name: str, config: ModelConfig | None = None) -> None:
    """Print what was predicted; for a classifier with scores from 0 to 1, a bar for each label, else each output.

    Without a model.yaml no output is known to be a label.
    """
    label, scores = find_classes(prediction, config) if config else (None, None)
    confidence = f" ({prediction['confidence']:.2%})" if "confidence" in prediction else ""
    title = name if label is None else f"{name}: {label}{confidence}"
    console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)
    table = Table(show_header=False, box=None)
    if config and scores:
        for each, score in zip(config.labels, scores, strict=True):
            style = "bold green" if each == label else "dim"
            table.add_row(each, "█" * round(score * BAR_WIDTH), f"{score:.2%}", style=style)
    else:
        _add_outputs(table, prediction)
    console.print(table)


def find_classes(prediction: Mapping[str, Any], config: ModelConfig) -> tuple[str | None, list[float] | None]:
    """Return the label of a prediction, and the scores of all labels, as far as the prediction has them."""
    count = len(config.labels)
    names = [name for name, output in config.outputs.items() if count and output.shape == (count,)]
    scores = next((prediction[name] for name in names if name in prediction), None)
    if scores and not all(0 <= score <= 1 for score in scores):
        scores = None
    if config.label_output in prediction:
        return config.labels[prediction[config.label_output]], scores
    if label := next((value for value in prediction.values() if value in config.labels), None):
        return label, scores
    return (config.labels[scores.index(max(scores))] if scores else None), scores


def _add_outputs(table: Table, outputs: Mapping[str, Any]) -> None:
    for name, value in outputs.items():
        table.add_row(name, _format_output(value))


def _format_output(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if not isinstance(value, list) or (len(value) <= MAX_VALUES and not any(isinstance(each, list) for each in value)):
        return str(value)
    return f"{' × '.join(map(str, np.shape(value)))} values"


def show_explanation(outputs: Mapping[str, Any]) -> None:
    """Print a map of an `attribution` in two dimensions, and each other output."""
    table = Table(show_header=False, box=None)
    others = dict(outputs)
    if np.ndim(outputs.get("attribution", 0)) == 2:
        _show_map(others.pop("attribution"))
    _add_outputs(table, others)
    console.print(table)


def _show_map(values: Sequence[Sequence[float]]) -> None:
    """Print numbers in two dimensions as colours: red is positive, blue negative."""
    largest = max(abs(value) for row in values for value in row) or 1.0
    for row in values:
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


def show_versions(stats: Mapping[str, Mapping[str, Any]]) -> None:
    """Print a column for each version and a row for each statistic."""
    table = Table("", *stats)
    columns = [_flatten(version) for version in stats.values()]
    for row in columns[0]:
        table.add_row(row, *(column[row] for column in columns))
    console.print(table)


_ROWS = {
    "requests": ("requests", "{:.0f}"),
    "requests_in_a_batch": ("requests in a batch", "{:.2f}"),
    "batch_ms": ("a batch in the worker (ms)", "{:.2f}"),
    "predictions": ("predictions", "{:.0f}"),
    "confidence": ("confidence", "{:.2%}"),
    "uncertain": ("at most 90 % sure", "{:.2%}"),
}


def _flatten(stats: Mapping[str, Any]) -> dict[str, str]:
    """Return the rows of one version: counts without decimals, times and sizes with two, shares in per cent."""
    rows: dict[str, str] = {}
    for name, value in stats.items():
        if name == "refused":
            rows |= {f"refused: {outcome}": f"{count:.0f}" for outcome, count in value.items()}
        elif name == "classes":
            rows |= {f"predicted: {label}": _format("{:.2%}", share) for label, share in value.items()}
        else:
            title, form = _ROWS[name]
            rows[title] = _format(form, value)
    return rows


def _format(form: str, value: float | None) -> str:
    return "–" if value is None else form.format(value)
