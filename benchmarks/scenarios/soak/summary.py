"""Summarize a soak: totals, and failures of requests that no killed worker explains."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.load.constant_rate import RIGHT
from benchmarks.reporting.results import Record, of_kind
from benchmarks.scenarios.soak.load import REFUSED

WORKER_DIED = "500 Worker died."
# TorchServe gives an idle worker that was killed one batch more before it notices.
NOTICED_AFTER_S = 1.0
QUINTILES = 5


class Summary:
    """`lost` counts the failures with each killed worker, at most one batch; `unexpected_failures` are all others."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._samples = of_kind(records, "sample")
        self._settings = records[0]["settings"]
        self.rollouts = of_kind(records, "rollout")
        self.kills = of_kind(records, "kill")
        self.counts = Counter(self._samples[-1]["counts"] if self._samples else {})
        self.lost: list[int] = [0] * len(self.kills)
        self.unexpected_failures: list[Record] = []
        for failure in of_kind(records, "failure"):
            self._attribute(failure)

    def _attribute(self, failure: Record) -> None:
        answered_s = failure["second"] + failure["took_s"]
        died = failure["outcome"].startswith(WORKER_DIED)
        for i, kill in enumerate(self.kills):
            in_flight = died and failure["second"] <= kill["second"] + NOTICED_AFTER_S and answered_s >= kill["second"]
            if in_flight and self.lost[i] < kill["batch_size"]:
                self.lost[i] += 1
                return
        self.unexpected_failures.append(failure)

    @property
    def passed(self) -> bool:
        """No unexpected failure, no failed rollout, and a recovery after every kill."""
        return not self.unexpected_failures and not self._failed_rollouts() and None not in self._recoveries()

    def _failed_rollouts(self) -> list[Record]:
        return [rollout for rollout in self.rollouts if rollout["error"]]

    def _recoveries(self) -> list[float | None]:
        return [kill["healthy_after_s"] for kill in self.kills]

    def __str__(self) -> str:
        return "\n".join([self._totals(), self._failures(), self._growth()])

    def _totals(self) -> str:
        minutes = self._samples[-1]["second"] / 60 if self._samples else 0
        total = sum(self.counts.values())
        return (
            f"{total:,} requests in {minutes:.1f} minutes at {self._settings['rate']:,.0f}/s: "
            f"{self.counts[RIGHT]:,} right, {self.counts[REFUSED]:,} bad requests refused, "
            f"{total - self.counts[RIGHT] - self.counts[REFUSED]:,} failed."
        )

    def _failures(self) -> str:
        slowest = max((s for s in self._recoveries() if s is not None), default=0.0)
        lines = [
            f"{len(self.kills)} workers killed: {sum(self.lost)} requests were lost with them, at most "
            f"{max(self.lost, default=0)} with one; all workers were ready again after {slowest:.1f} s at most.",
            f"{len(self.rollouts)} rollouts, {len(self._failed_rollouts())} failed.",
            f"{len(self.unexpected_failures)} unexpected failures.",
        ]
        reasons = Counter(failure["outcome"] for failure in self.unexpected_failures)
        lines += [f"  {count} × {reason}" for reason, count in reasons.most_common()]
        lines += [f"  {rollout['command']}: {rollout['error']}" for rollout in self._failed_rollouts()]
        return "\n".join(lines)

    def _growth(self) -> str:
        """Show memory and open files over time. The load's own connections, which come and go, are among the files."""
        memory = self._quintiles("memory_mb", statistics.median)
        files = self._quintiles("descriptors", min)
        return f"By fifths of the time: median memory {memory} MB; fewest open files {files}."

    def _quintiles(self, key: str, of: Callable[[list[Any]], float]) -> str:
        values: list[Any] = [sample[key] for sample in self._samples]
        length = max(1, len(values) // QUINTILES)
        starts = range(0, length * min(QUINTILES, len(values)), length)
        return ", ".join(f"{of(values[start : start + length]):,.0f}" for start in starts)
