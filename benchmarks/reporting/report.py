"""The table and the pictures, made from stored results.

python -m benchmarks.reporting.report benchmarks/results/bench.jsonl

Where the READMEs and docs/performance.md have a place for a table (<!-- benchmarks --> … <!-- /benchmarks -->, goals
likewise), `--readme` puts it there.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.reporting import plots, targets
from benchmarks.reporting.results import FOLDER, Record, of_kind, read
from common.paths import ROOT

DOCUMENTS = [ROOT / name for name in ("README.md", "README.ko.md", "docs/performance.md")]


def write(results: Path) -> None:
    """Write NAME.md, NAME.svg and, where there are sweeps, NAME-growth.svg beside the results."""
    records = read(results)
    visits = median_visits(records)
    parts = [caption(records), headline(records), targets.table(visits, records), every_measure(records)]
    plots.draw_peers(visits, results.with_suffix(".svg"))
    if sweeps := of_kind(records, "growth"):
        growth = results.with_name(f"{results.stem}-growth.svg")
        plots.draw_growth(sweeps, growth)
        parts.append(f"![How cost grows]({growth.name})\n")
    results.with_suffix(".md").write_text("\n".join(filter(None, parts)), encoding="utf-8")


def write_documents(results: Path) -> None:
    """Put the headline's table into the READMEs, and the goals, if their peers ran, into docs/performance.md."""
    records = read(results)
    tables = {"benchmarks": headline(records)}
    if reached := targets.table(median_visits(records), records):
        tables["goals"] = f"{caption(records)}\n{reached}"
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for name, table in tables.items():
            place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
            text = place.sub(lambda found: f"{found[1]}{table}{found[2]}", text)  # noqa: B023
        document.write_text(text, encoding="utf-8")


def median_visits(records: Sequence[Record]) -> dict[str, Record]:
    """One visit for each peer, in the order of the run, every figure the median of its rounds."""
    visits: dict[str, list[Record]] = {}
    for record in of_kind(records, "visit"):
        visits.setdefault(record["peer"], []).append(record)
    return {peer: _median(rounds) for peer, rounds in visits.items()}


def _median(rounds: Sequence[Record]) -> Record:
    merged: Record = {"rounds": len(rounds)}
    for name, value in rounds[0].items():
        values = [visit[name] for visit in rounds]
        if isinstance(value, list):
            merged[name] = [_median(measures) for measures in zip(*values, strict=True)]
        elif name in ("success", "checked", "wrong"):  # not to be smoothed over
            merged[name] = min(values) if name == "success" else sum(values)
        elif isinstance(value, (int, float)) or value is None:
            known = [v for v in values if v is not None]
            merged[name] = statistics.median(known) if known else None
    return merged


def caption(records: Sequence[Record]) -> str:
    """How, where and when, in one paragraph."""
    run = records[0]
    settings, machine = run["settings"], run["machine"]
    versions = ", ".join(f"{name}: {run['versions'][name]}" for name in settings["peers"])
    failures = [f"{f['peer']} failed in round {f['round']}: {f['error']}" for f in of_kind(records, "failure")]
    return (
        f"`{run['command']}`, {run['date'][:10]}, commit {run['commit']}. {machine['cpu']}, {machine['cores']} cores "
        f"shared by server and load generator, {machine['memory_gb']} GB, Linux {machine['kernel']}; Python "
        f"{run['python']}, torch {run['torch']}. Medians of {settings['rounds']} alternating rounds, "
        f"{settings['seconds']:g} s each, after a warm-up until the throughput rose no more, one 28×28 PNG a "
        f"request, every server with two workers and the same net. {versions}. {' '.join(failures)}\n"
    )


def headline(records: Sequence[Record]) -> str:
    """The table of the README: throughput and p99 where there are many connections, and what it costs."""
    visits = median_visits(records)
    columns = [c for c in (64, 256) if c in records[0]["settings"]["connections"]]
    columns = columns or [max(records[0]["settings"]["connections"])]
    heads = ["server"]
    heads += [f"{what} at {c}" for c in columns for what in ("req/s", "p99")]
    heads += ["p50 at 1"] if 1 in records[0]["settings"]["connections"] else []
    heads += ["right", f"CPU s per 1,000 at {columns[0]}", "memory", "ready after"]
    rows = []
    for peer, visit in visits.items():
        at = {measure["connections"]: measure for measure in visit["closed"]}
        cells = [peer]
        for c in columns:
            cells += [f"{at[c]['requests_per_s']:,.0f}", _ms(at[c]["p99_ms"])]
        cells += [_ms(at[1]["p50_ms"])] if 1 in at else []
        cells += [
            _share(min(measure["success"] for measure in visit["closed"]), sum(m["wrong"] for m in visit["closed"])),
            f"{at[columns[0]]['cpu_s_per_1000']:.2f}",
            f"{visit['memory_mb']:,.0f} MB",
            f"{visit['ready_s']:.1f} s",
        ]
        rows.append(cells)
    return _table(heads, rows)


def every_measure(records: Sequence[Record]) -> str:
    """All figures of the closed and the open loop."""
    heads = ["server", "load", "req/s", "p50", "p99", "p99.9", "right", "CPU s per 1,000"]
    rows = []
    for peer, visit in median_visits(records).items():
        for measure in [*visit["closed"], *visit["open"]]:
            closed = "connections" in measure
            load = f"{measure['connections']:.0f} connections" if closed else f"{measure['rate']:g}/s, open"
            times = [_ms(measure[name]) for name in ("p50_ms", "p99_ms", "p999_ms")]
            right = _share(measure["success"], measure["wrong"])
            row = [peer, load, f"{measure['requests_per_s']:,.0f}", *times, right, f"{measure['cpu_s_per_1000']:.2f}"]
            rows.append(row)
    return _table(heads, rows)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f} ms" if value < 100 else f"{value:,.0f} ms"


def _share(success: float, wrong: int) -> str:
    """100 % only when it is: neither a refused request nor a wrong digit."""
    text = "100 %" if success == 1 else f"{min(success * 100, 99.99):.2f} %"
    return text if not wrong else f"{text}, {wrong:.0f} of the samples wrong"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reporting.report", description="Draw what was measured."
    )
    parser.add_argument("results", nargs="?", type=Path, default=FOLDER / "bench.jsonl")
    parser.add_argument(
        "--readme", action="store_true", help="put the tables into the READMEs and docs/performance.md as well"
    )
    args = parser.parse_args(arguments)
    try:
        write(args.results)
        if args.readme:
            write_documents(args.results)
        print(args.results.with_suffix(".md").read_text(encoding="utf-8"))
        return 0
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
