"""Write the tables and charts of stored results; --update-docs writes the tables into the documents too."""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.reporting import endurance_plot, plots, soak_plot, targets
from benchmarks.reporting.results import FOLDER, Record, of_kind, read
from common.markdown import markdown_table, splice
from common.paths import ROOT

READMES = tuple(ROOT / name for name in ("README.md", "README.ko.md"))
PERFORMANCE = tuple(ROOT / name for name in ("docs/performance.md", "docs/performance.ko.md"))
IF_INTERRUPTED = "run the same command again"
EXAMPLES = """\
examples:
  python -m benchmarks report --update-docs
  python -m benchmarks report benchmarks/results/soak.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    default = FOLDER / "bench.jsonl"
    parser.add_argument(
        "results", nargs="?", type=Path, default=default, help=f"results file (default: {default.relative_to(ROOT)})"
    )
    parser.add_argument(
        "--update-docs", action="store_true", help="write the tables into the READMEs and docs/performance*.md"
    )


def run(args: argparse.Namespace) -> None:
    write(args.results)
    if args.update_docs:
        update_documents(args.results)
    if (table := args.results.with_suffix(".md")).exists():
        print(table.read_text(encoding="utf-8"))


def write(results: Path) -> None:
    """Write the charts of any results, and of a comparison the tables too, beside the results."""
    records = read(results)
    kinds = {record["kind"] for record in records}
    if "trial" in kinds:
        _write_comparison(results, records)
    elif "sweep" in kinds:
        plots.draw_sweeps(of_kind(records, "sweep"), results.with_suffix(".svg"))
    elif "endurance" in kinds:
        endurance_plot.draw(records, results.with_suffix(".svg"))
    elif "sample" in kinds:
        soak_plot.draw(records, results.with_suffix(".svg"))
    else:
        raise BenchmarkError(f"{results} holds nothing to draw")


def _write_comparison(results: Path, records: Sequence[Record]) -> None:
    """Write NAME.md, NAME.svg and, if there are sweeps, NAME-sweeps.svg."""
    plots.draw_servers(median_trials(records), results.with_suffix(".svg"))
    if sweeps := of_kind(records, "sweep"):
        plots.draw_sweeps(sweeps, results.with_name(f"{results.stem}-sweeps.svg"))
    results.with_suffix(".md").write_text(comparison(records, results.stem), encoding="utf-8")


def comparison(records: Sequence[Record], name: str) -> str:
    """Return all tables of a comparison, and the chart of its sweeps, in Markdown."""
    compared = targets.targets_table(median_trials(records), records)
    parts = [caption(records), summary_table(records), compared, full_table(records)]
    if of_kind(records, "sweep"):
        description = "Throughput, latency and memory by digits per request, connections, image size and workers"
        parts.append(f"![{description}]({name}-sweeps.svg)\n")
    return "\n".join(filter(None, parts))


def update_documents(results: Path) -> None:
    """Write the tables between the markers of the documents that have them."""
    records = read(results)
    for document in READMES:
        _update(document, {"benchmarks": short_table(records)})
    for document in PERFORMANCE:
        _update(document, performance_tables(records))


def performance_tables(records: Sequence[Record]) -> dict[str, str]:
    """Return the tables of docs/performance.md by marker; no targets if the results do not cover them."""
    tables = {"benchmarks": summary_table(records)}
    if compared := targets.targets_table(median_trials(records), records):
        tables["targets"] = f"{caption(records)}\n{compared}"
    return tables


def _update(document: Path, tables: dict[str, str]) -> None:
    if not document.exists():
        return
    text = document.read_text(encoding="utf-8")
    for name, table in tables.items():
        if f"<!-- {name} -->" in text:
            text = splice(text, name, table)
    document.write_text(text, encoding="utf-8")


def median_trials(records: Sequence[Record]) -> dict[str, Record]:
    """Return one trial for each server, in the order of the run; each figure is the median of its rounds."""
    trials: dict[str, list[Record]] = {}
    for record in of_kind(records, "trial"):
        trials.setdefault(record["server"], []).append(record)
    return {server: _median(rounds) for server, rounds in trials.items()}


def _median(rounds: Sequence[Record]) -> Record:
    merged: Record = {"rounds": len(rounds)}
    for name, value in rounds[0].items():
        values = [trial[name] for trial in rounds]
        if isinstance(value, list):
            merged[name] = [_median(measures) for measures in zip(*values, strict=True)]
        elif name in ("success", "checked", "wrong"):  # a median would hide errors
            merged[name] = min(values) if name == "success" else sum(values)
        elif isinstance(value, (int, float)) or value is None:
            known = [v for v in values if v is not None]
            merged[name] = statistics.median(known) if known else None
    return merged


def caption(records: Sequence[Record]) -> str:
    """Describe method, machine, date and versions in one paragraph."""
    run = records[0]
    settings, machine = run["settings"], run["machine"]
    versions = ", ".join(f"{name}: {run['versions'][name]}" for name in settings["servers"])
    failures = [f"{f['server']} failed in round {f['round']}: {f['error']}." for f in of_kind(records, "failure")]
    sentences = [
        f"`{run['command']}`, {run['date'][:10]}, commit {run['commit']}.",
        f"{machine['cpu']}, {machine['cores']} cores shared by server and load generator, {machine['memory_gb']} GB, "
        f"Linux {machine['kernel']}; Python {run['python']}, torch {run['torch']}.",
        f"Medians of {settings['rounds']} alternating rounds, {settings['seconds']:g} s each, after a warm-up until "
        "the throughput was stable; one 28×28 PNG per request; every server with two workers and the same network.",
        f"Versions: {versions}.",
        *failures,
    ]
    return " ".join(sentences) + "\n"


def short_table(records: Sequence[Record]) -> str:
    """Return the table of the README."""
    rows = []
    for server, trial in median_trials(records).items():
        at = _by_connections(trial)
        many, one = at.get(64, max(at.items())[1]), at.get(1, min(at.items())[1])
        rows.append(
            [server, f"{many['requests_per_s']:,.0f}", _ms(many["p99_ms"]), _ms(one["p50_ms"]), _correct(trial)]
        )
    columns = ("server", "requests/s at 64 connections", "p99", "p50 at 1", "correct")
    return markdown_table(columns, rows, right=range(1, len(columns)))


def summary_table(records: Sequence[Record]) -> str:
    """Return the table of docs/performance.md: throughput and p99 at many connections, and the costs."""
    measured = records[0]["settings"]["connections"]
    shown = [c for c in (64, 256) if c in measured] or [max(measured)]
    columns = ["server", *(f"{name} at {c}" for c in shown for name in ("requests/s", "p99"))]
    columns += ["p50 at 1"] if 1 in measured else []
    columns += ["correct", f"CPU s per 1,000 at {shown[0]}", "memory", "ready after"]
    rows = []
    for server, trial in median_trials(records).items():
        at = _by_connections(trial)
        cells = [server]
        for c in shown:
            cells += [f"{at[c]['requests_per_s']:,.0f}", _ms(at[c]["p99_ms"])]
        cells += [_ms(at[1]["p50_ms"])] if 1 in at else []
        cells += [_correct(trial), f"{at[shown[0]]['cpu_s_per_1000']:.2f}"]
        rows.append([*cells, f"{trial['memory_mb']:,.0f} MB", f"{trial['ready_s']:.1f} s"])
    return markdown_table(columns, rows, right=range(1, len(columns)))


def full_table(records: Sequence[Record]) -> str:
    """Return all figures of the closed and the open loop."""
    columns = ("server", "load", "requests/s", "p50", "p99", "p99.9", "correct", "CPU s per 1,000")
    rows = []
    for server, trial in median_trials(records).items():
        for measure in [*trial["closed"], *trial["open"]]:
            closed = "connections" in measure
            load = f"{measure['connections']:.0f} connections" if closed else f"{measure['rate']:g}/s, open"
            times = [_ms(measure[name]) for name in ("p50_ms", "p99_ms", "p999_ms")]
            correct = _share(measure["success"], measure["wrong"])
            cpu = f"{measure['cpu_s_per_1000']:.2f}"
            rows.append([server, load, f"{measure['requests_per_s']:,.0f}", *times, correct, cpu])
    return markdown_table(columns, rows, right=range(1, len(columns)))


def _by_connections(trial: Record) -> dict[int, Record]:
    return {measure["connections"]: measure for measure in trial["closed"]}


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _correct(trial: Record) -> str:
    return _share(min(measure["success"] for measure in trial["closed"]), sum(m["wrong"] for m in trial["closed"]))


def _share(success: float, wrong: int) -> str:
    """Format a share; it is 100 % only without a refused request and without a wrong digit."""
    text = "100 %" if success == 1 else f"{min(success * 100, 99.99):.2f} %"
    return text if not wrong else f"{text}, {wrong:.0f} of the samples wrong"
