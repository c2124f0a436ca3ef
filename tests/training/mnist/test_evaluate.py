"""Accuracy is correct / total, overall and per digit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from model.mnist.net import Net
from training import weights
from training.mnist.evaluate import evaluate, main


class AlwaysSeven(nn.Module):
    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return torch.eye(10)[7].expand(len(pixels), 10)


@pytest.fixture
def untrained(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    weights.save(Net(hidden_size=16), {}, tmp_path / "mnist.pt")
    return tmp_path / "mnist.pt"


def failure(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    assert exit_.value.code == 1
    return capsys.readouterr().err


def test_correct_answers_are_counted_for_each_digit() -> None:
    labels = torch.tensor([*range(10), 7, 7])
    scores = evaluate(AlwaysSeven(), torch.zeros(12, 784), labels)
    assert (scores["correct"], scores["total"], scores["accuracy"]) == (3, 12, 0.25)
    assert scores["per_class"]["7"] == {"correct": 3, "total": 3, "accuracy": 1.0}
    assert scores["per_class"]["0"] == {"correct": 0, "total": 1, "accuracy": 0.0}


def test_json_counts_all_10_000_test_digits(
    untrained: Path, mnist_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--weights", str(untrained), "--data", str(mnist_root), "--json"])
    scores = json.loads(capsys.readouterr().out)
    assert scores["total"] == sum(score["total"] for score in scores["per_class"].values()) == 10_000
    assert scores["correct"] == sum(score["correct"] for score in scores["per_class"].values())
    assert scores["accuracy"] == scores["correct"] / 10_000


def test_table_has_a_row_for_each_digit(untrained: Path, mnist_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--weights", str(untrained), "--data", str(mnist_root)])
    table = capsys.readouterr().out
    assert "1,135" in table  # ones in the test set
    assert "10,000" in table


def test_missing_weights_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "none.pt"
    assert failure(["--weights", str(missing)], capsys) == f"error: {missing} is not there: train it first\n"


def test_broken_weights_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"not weights")
    assert f"{broken} is broken" in failure(["--weights", str(broken)], capsys)


@pytest.mark.parametrize(
    "state", [{}, {"fc1.weight": 1}, Net(input_size=100).state_dict()], ids=["empty", "no tensors", "100 inputs"]
)
def test_weights_of_another_net_are_refused(state: dict[str, object], tmp_path: Path) -> None:
    (tmp_path / "other.pt").write_bytes(weights.to_bytes(state))
    with pytest.raises(weights.WeightsError, match=r"train them with training\.mnist\.train"):
        weights.load_net("mnist", tmp_path / "other.pt")
