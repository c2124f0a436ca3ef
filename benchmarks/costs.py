"""What each step of a request costs, from one replica without a limit. Nothing of what is foretold goes in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.failure import BenchmarkError
from benchmarks.results import of_kind
from benchmarks.simulation import Costs

Record = dict[str, Any]


def costs_of(records: Sequence[Record]) -> Costs:
    """Split what a replica spent into what passes by itself, what a batch costs, and each request in it."""
    points = of_kind(records, "calibration")
    alone = next((p for p in points if p.get("connections") == 1), None)
    if alone is None or len(points) < 3:
        raise BenchmarkError("these results hold no calibration; make them with `python -m benchmarks.replicas`")
    java_s = [point["java_cpu_s"] for point in points]
    rest_s = [point["replica_cpu_s"][0] - java for point, java in zip(points, java_s, strict=True)]
    frontend, frontend_batch_s, frontend_request_s = split(points, java_s)
    rest, batch_s, request_s = split(points, rest_s)
    gateway_s = points[-1]["gateway_cpu_s"] / points[-1]["requests"]
    return Costs(
        gateway_s=gateway_s,
        frontend_batch_s=frontend_batch_s,
        frontend_request_s=frontend_request_s,
        batch_s=batch_s,
        request_s=request_s,
        background=frontend + rest,
        other_s=max(0.0, alone["p50_ms"] / 1000 - gateway_s - batch_s - request_s),
    )


def split(points: Sequence[Record], spent_s: Sequence[float]) -> tuple[float, float, float]:
    """What was spent in each second, for each batch and for each request, by least squares of the relative errors."""
    counted = np.array([[point["seconds"], point["batches"], point["batched"]] for point in points])
    scaled = counted / np.array(spent_s)[:, None]
    second, batch_s, request_s = np.linalg.lstsq(scaled, np.ones(len(points)))[0].clip(0)
    return float(second), float(batch_s), float(request_s)
