"""XOR is learnt, and a local minimum is left for another seed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from common.files import sha256
from model.xor.net import XORModel
from training.xor.train import LocalMinimumError, main, solve

STUCK_SEED = 5  # 2 of 4 answers right, for good


def test_all_four_answers_are_right_and_reported(tmp_path: Path) -> None:
    out = tmp_path / "my weights" / "xor.pt"
    main(["--seed", "3", "--output", str(out)])
    net = XORModel()
    net.load_state_dict(torch.load(out, weights_only=True))
    probabilities = net(torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])).flatten()
    assert [round(p) for p in probabilities.tolist()] == [0, 1, 1, 0]
    report = json.loads(out.with_suffix(".json").read_bytes())
    assert [answer["probability"] for answer in report["answers"]] == probabilities.tolist()
    assert [answer["input"] for answer in report["answers"]] == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert report["test"] == {"correct": 4, "total": 4, "accuracy": 1.0}
    assert report["seed"] == 3
    assert report["weights_sha256"] == sha256(out.read_bytes())


def test_a_local_minimum_is_noticed_and_the_next_seed_tried(capsys: pytest.CaptureFixture[str]) -> None:
    solved = solve(STUCK_SEED, lr=1.0, epochs=2_000)
    assert solved.seed == STUCK_SEED + 1
    assert capsys.readouterr().out == "seed 5: 2 of 4 right after 2,000 epochs, a local minimum; next seed\n"


def test_seeds_are_not_tried_for_ever(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--epochs", "3", "--output", str(tmp_path / "xor.pt")])
    assert exit_.value.code == 1
    assert "none of the seeds 0 to 9 learnt XOR in 3 epochs at --lr 1" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_same_seed_same_weights() -> None:
    one, again = (solve(3, lr=1.0, epochs=2_000).answers() for _ in range(2))
    assert torch.equal(one, again)


def test_the_last_epoch_counts() -> None:
    needed = solve(3, lr=1.0, epochs=2_000).epochs
    assert solve(3, lr=1.0, epochs=needed).seed == 3


def test_too_few_epochs_are_no_success() -> None:
    with pytest.raises(LocalMinimumError, match="give more --epochs"):
        solve(0, lr=1.0, epochs=1)
