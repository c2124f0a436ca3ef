"""Two processes share each batch, and train the net that one process trains."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from training import weights
from training.mnist.train import checkpoint_path, main

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
LAUNCHER = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]


def start(mnist_root: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    options = ("--device", "cpu", "--data", str(mnist_root), "--output", str(out), *options)
    return subprocess.Popen(
        [*LAUNCHER, "training.mnist.train", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_learn_what_one_learns(mnist_root: Path, tmp_path: Path) -> None:
    """Without chance in the layers, the mean gradient over two shards is the gradient of the batch."""
    recipe = ["--optimizer", "sgd", "--hidden-size", "32", "--batch-size", "501", "--epochs", "2"]
    two = start(mnist_root, tmp_path / "two.pt", *recipe)
    main([*recipe, "--device", "cpu", "--data", str(mnist_root), "--output", str(tmp_path / "one.pt")])
    out, err = two.communicate(timeout=120)
    assert two.returncode == 0, err
    assert out.count("epoch 1/2") == 1
    states = [weights.load_state(tmp_path / name) for name in ("one.pt", "two.pt")]
    torch.testing.assert_close(states[1], states[0], rtol=0, atol=2e-4)
    reports = [weights.load_report(tmp_path / name) for name in ("one.pt", "two.pt")]
    assert [report["processes"] for report in reports] == [1, 2]
    assert abs(reports[0]["test"]["accuracy"] - reports[1]["test"]["accuracy"]) < 0.002


def test_two_processes_with_distortion_and_batch_norm_are_as_accurate_as_one(mnist_root: Path, tmp_path: Path) -> None:
    recipe = ["--recipe", "fast", "--hidden-size", "100", "--epochs", "3"]
    two = start(mnist_root, tmp_path / "two.pt", *recipe)
    main([*recipe, "--device", "cpu", "--data", str(mnist_root), "--output", str(tmp_path / "one.pt")])
    _, err = two.communicate(timeout=200)
    assert two.returncode == 0, err
    one, both = (weights.load_report(tmp_path / name)["test"]["accuracy"] for name in ("one.pt", "two.pt"))
    assert one > 0.97
    assert abs(one - both) < 0.005


def test_two_processes_go_on_where_two_were_interrupted(mnist_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "net.pt"
    options = ("--hidden-size", "32", "--batch-size", "500", "--epochs", "6")
    stopped = start(mnist_root, out, *options)
    assert stopped.stdout is not None
    next(line for line in stopped.stdout if line.startswith("epoch 2/"))
    stopped.send_signal(signal.SIGINT)
    _, err = stopped.communicate(timeout=60)
    assert err.count("interrupted: this goes on after the last finished epoch:\n  torchrun --nproc-per-node=2 -m") == 1
    assert checkpoint_path(out).exists()
    assert not out.exists()
    text, err = start(mnist_root, out, *options).communicate(timeout=120)
    assert "going on after epoch" in text, err
    assert len(weights.load_report(out)["epochs"]) == 6
    assert not checkpoint_path(out).exists()
