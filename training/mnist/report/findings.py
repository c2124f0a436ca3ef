"""Say each picture's finding in a sentence, computed from the report's numbers."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np
import numpy.typing as npt

Z_95 = 1.96  # standard errors of a 95 % interval


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def wilson_interval(correct: npt.ArrayLike, total: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the 95 % confidence interval of shares [n] as lower and upper bounds, [2, n] (Wilson, 1927)."""
    k, n = np.asarray(correct, float), np.asarray(total, float)
    center = (k + Z_95**2 / 2) / (n + Z_95**2)
    half = Z_95 / (n + Z_95**2) * np.sqrt(k * (n - k) / n + Z_95**2 / 4)
    return np.array([np.clip(center - half, 0, k / n), np.clip(center + half, k / n, 1)])


def comparison(recipes: list[dict[str, Any]]) -> str:
    by_name = {recipe["recipe"]: recipe for recipe in recipes}
    if {"study", "fast"} <= by_name.keys():
        study, fast = by_name["study"], by_name["fast"]
        gain = 100 * (statistics.mean(fast["accuracy"]) - statistics.mean(study["accuracy"]))
        seconds, study_s = min(fast["total_s"]), min(study["total_s"])
        time = "the same" if math.isclose(seconds, study_s, rel_tol=0.1) else f"{study_s:.0f} s →"
        verb = "gains" if gain >= 0 else "loses"
        return f"Distorted training digits: fast {verb} {abs(gain):.1f} points on study in {time} {seconds:.0f} s"
    best = max(recipes, key=lambda recipe: statistics.mean(recipe["accuracy"]))
    return f"{best['recipe']} is the most accurate: {percent(statistics.mean(best['accuracy']))}"


def final_errors(curves: list[dict[str, Any]]) -> dict[str, float]:
    """Return the median over the seeds of each recipe's last test error."""
    names = dict.fromkeys(curve["recipe"] for curve in curves)
    return {name: statistics.median(c["test_error"][-1] for c in curves if c["recipe"] == name) for name in names}


def learning_curves(curves: list[dict[str, Any]]) -> str:
    errors = final_errors(curves)
    best = min(errors, key=lambda name: errors[name])
    rest = [error for name, error in errors.items() if name == "study" or name.startswith("study,")]
    if best in {"fast", "best"} and rest:
        span = " to ".join(dict.fromkeys(percent(error) for error in (min(rest), max(rest))))
        return f"Without distortion the test error ends at {span}, with it ({best}) at {percent(errors[best])}"
    return f"{best} ends with the lowest test error: {percent(errors[best])}"


def confusion(counts: list[list[int]]) -> str:
    wrong = np.array(counts) * (1 - np.eye(10, dtype=int))
    label, answer = np.unravel_index(wrong.argmax(), wrong.shape)
    if not wrong.any():
        return "No mistakes"
    return f"{wrong.sum()} mistakes; {label} → {answer} leads with {wrong[label, answer]}"


def mistakes(found: list[dict[str, Any]]) -> str:
    sure = sum(mistake["confidence"] > 0.9 for mistake in found)
    return f"{sure} of {len(found)} mistakes have more than 90 % confidence"


def calibration(net: dict[str, Any]) -> str:
    count, confidence, correct = np.array(net["reliability"])[:, -1]
    lowest = 1 - 1 / len(net["reliability"][0])
    if not count:
        return f"No answer has more than {percent(lowest, 0)} confidence"
    lower, upper = wilson_interval(correct, count)
    verdict = "as often as" if lower <= confidence / count <= upper else "more often than"
    if confidence / count > upper:
        verdict = "less often than"
    return f"Above {percent(lowest, 0)} confidence, answers are right {verdict} the confidence says"


def robustness(accuracy: dict[str, dict[str, float]]) -> str:
    means = [statistics.mean(column.values()) for column in accuracy.values()]
    return f"Localizing the digit first: {percent(means[0], 0)} → {percent(means[-1], 0)}"
