"""What a soak came to: totals, and whether anything failed that a killed worker did not have in its hands."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.load.constant_rate import RIGHT
from benchmarks.reporting.results import Record, of_kind
from benchmarks.scenarios.soak.load import REFUSED

DIED = "500 Worker died."
# A worker that waits for work when it is killed is given one batch more before TorchServe notices.
NOTICED_AFTER_S = 1.0
FIFTHS = 5


class Verdict:
    """`lost` failed with a killed worker, at most one batch each; `inexcusable` are all other failures."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._samples = of_kind(records, "sample")
        self._settings = records[0]["settings"]
        self.rolls = of_kind(records, "roll")
        self.kills = of_kind(records, "kill")
        self.counts = Counter(self._samples[-1]["counts"] if self._samples else {})
        self.lost: list[int] = [0] * len(self.kills)
        self.inexcusable: list[Record] = []
        for failure in of_kind(records, "failure"):
            self._attribute(failure)

    def _attribute(self, failure: Record) -> None:
        answered_s = failure["second"] + failure["took_s"]
        died = failure["what"].startswith(DIED)
        for i, kill in enumerate(self.kills):
            was_there = died and failure["second"] <= kill["second"] + NOTICED_AFTER_S and answered_s >= kill["second"]
            if was_there and self.lost[i] < kill["batch_size"]:
                self.lost[i] += 1
                return
        self.inexcusable.append(failure)

    @property
    def is_good(self) -> bool:
        return not self.inexcusable and not self._failed_rolls() and None not in self._recoveries()

    def _failed_rolls(self) -> list[Record]:
        return [roll for roll in self.rolls if roll["error"]]

    def _recoveries(self) -> list[float | None]:
        return [kill["whole_after_s"] for kill in self.kills]

    def __str__(self) -> str:
        return "\n".join([self._totals(), self._failures(), self._growth()])

    def _totals(self) -> str:
        minutes = self._samples[-1]["second"] / 60 if self._samples else 0
        total = sum(self.counts.values())
        return (
            f"{total:,} requests in {minutes:.1f} minutes at {self._settings['rate']:,.0f}/s: "
            f"{self.counts[RIGHT]:,} right, {self.counts[REFUSED]:,} bad ones refused, "
            f"{total - self.counts[RIGHT] - self.counts[REFUSED]:,} failed."
        )

    def _failures(self) -> str:
        slowest = max((s for s in self._recoveries() if s is not None), default=0.0)
        lines = [
            f"{len(self.kills)} workers killed: {sum(self.lost)} requests were lost with them, at most "
            f"{max(self.lost, default=0)} with one; whole again after {slowest:.1f} s at most.",
            f"{len(self.rolls)} times a version was rolled, {len(self._failed_rolls())} times in vain.",
            f"{len(self.inexcusable)} requests failed without such a reason.",
        ]
        reasons = Counter(failure["what"] for failure in self.inexcusable)
        lines += [f"  {count} × {what}" for what, count in reasons.most_common()]
        lines += [f"  {roll['command']}: {roll['error']}" for roll in self._failed_rolls()]
        return "\n".join(lines)

    def _growth(self) -> str:
        """Open files by their least: the load's own connections are among them, and come and go."""
        memory = self._fifths("memory_mb", statistics.median)
        return f"fifth by fifth: memory {memory} MB, median; open files {self._fifths('descriptors', min)}, least."

    def _fifths(self, key: str, of: Callable[[list[Any]], float]) -> str:
        values: list[Any] = [sample[key] for sample in self._samples]
        length = max(1, len(values) // FIFTHS)
        starts = range(0, length * min(FIFTHS, len(values)), length)
        return ", ".join(f"{of(values[start : start + length]):,.0f}" for start in starts)
