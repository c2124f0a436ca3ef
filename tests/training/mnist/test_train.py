"""The same recipe gives the same weights, killed on the way or not, and a report of what made them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from common.files import sha256
from model.mnist.net import Net
from training.mnist.augmentation import Distortion
from training.mnist.data import MNIST, SHA256, load_mnist
from training.mnist.recipes import RECIPES, Recipe
from training.mnist.train import checkpoint_path, main, train
from training.mnist.trainer import Trainer, TrainerError

EPOCHS = 8
SMALL = ["--hidden-size", "32", "--batch-size", "500", "--device", "cpu"]
ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Train on one thread: tests that run beside this one have already loaded an OpenMP that spins."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def start(mnist_root: Path, out: Path) -> subprocess.Popen[str]:
    options = [*SMALL, "--epochs", str(EPOCHS), "--data", str(mnist_root), "--output", str(out)]
    return subprocess.Popen(
        [sys.executable, "-m", "training.mnist.train", *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stop_in_epoch_3(run: subprocess.Popen[str], how: signal.Signals) -> str:
    """Send the signal when the second epoch is over, and return what the run then said on stderr."""
    assert run.stdout is not None
    next(line for line in run.stdout if line.startswith("epoch 2/"))
    run.send_signal(how)
    return run.communicate(timeout=60)[1]


def small(**changes: object) -> Recipe:
    return Recipe(**{"epochs": 1, "hidden_size": 32, "batch_size": 500, **changes})


def same(one: Path, other: Path) -> bool:
    first, second = (torch.load(path, weights_only=True) for path in (one, other))
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def mnist(mnist_root: Path) -> MNIST:
    return load_mnist(mnist_root)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, mnist_root: Path) -> Path:
    """Weights of one uninterrupted run, in a folder with a space in its name."""
    out = tmp_path_factory.mktemp("my weights") / "mnist.pt"
    output, errors = start(mnist_root, out).communicate(timeout=120)
    assert errors == ""
    assert [line.split()[1] for line in output.splitlines()[:-1]] == [f"{n}/{EPOCHS}" for n in range(1, EPOCHS + 1)]
    return out


@pytest.mark.slow
def test_killed_and_resumed_gives_the_weights_of_an_uninterrupted_run(
    trained: Path, tmp_path: Path, mnist_root: Path
) -> None:
    out = tmp_path / "mnist.pt"
    stop_in_epoch_3(start(mnist_root, out), signal.SIGKILL)
    assert not out.exists()
    output, _ = start(mnist_root, out).communicate(timeout=120)
    assert output.startswith(f"going on after epoch 2 from {checkpoint_path(out)}\nepoch 3/{EPOCHS}")
    assert same(out, trained)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mnist.json", "mnist.pt"]


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, mnist_root: Path) -> None:
    out = tmp_path / "my mnist.pt"
    run = start(mnist_root, out)
    said = stop_in_epoch_3(run, signal.SIGINT)
    assert run.returncode == 130
    assert "interrupted: this goes on after the last finished epoch:\n  python -m training.mnist.train" in said
    assert said.endswith(f"--output '{out}'\n")
    assert "Traceback" not in said


def test_report_tells_what_made_the_weights(trained: Path) -> None:
    report = json.loads(trained.with_suffix(".json").read_bytes())
    assert report["architecture"] == {"input_size": 784, "hidden_size": 32, "num_classes": 10}
    chosen = {"optimizer": "adam", "epochs": EPOCHS, "lr": 1e-3, "batch_size": 500, "hidden_size": 32, "seed": 0}
    assert report["arguments"].items() >= chosen.items()
    assert report["device"] == "cpu"
    assert report["versions"]["torch"] == torch.__version__
    assert report["data_sha256"] == SHA256
    assert report["weights_sha256"] == sha256(trained.read_bytes())
    assert [epoch["epoch"] for epoch in report["epochs"]] == list(range(1, EPOCHS + 1))
    assert report["epochs"][-1]["train_loss"] < report["epochs"][0]["train_loss"]
    assert report["duration_s"] > 0


def test_reported_accuracy_is_that_of_the_weights(trained: Path, mnist: MNIST) -> None:
    test = json.loads(trained.with_suffix(".json").read_bytes())["test"]
    net = Net.from_state_dict(torch.load(trained, weights_only=True))
    correct = int((net(mnist.test_pixels).argmax(1) == mnist.test_labels).sum())
    assert (test["correct"], test["total"], test["accuracy"]) == (correct, 10_000, correct / 10_000)
    assert test["accuracy"] > 0.9


def test_same_seed_same_bytes_other_seed_other_weights(tmp_path: Path, mnist_root: Path) -> None:
    for name, seed in [("one", 1), ("again", 1), ("two", 2)]:
        train(Trainer(small(), seed), mnist_root, tmp_path / name / "mnist.pt")
    one, again, two = (tmp_path / name / "mnist.pt" for name in ("one", "again", "two"))
    assert one.read_bytes() == again.read_bytes()
    assert not same(one, two)


def test_sgd_learns_too(mnist: MNIST) -> None:
    trainer = Trainer(small(optimizer="sgd", lr=0.1))
    trainer.train_epoch(mnist.train_pixels, mnist.train_labels)
    assert trainer.epochs[0]["train_accuracy"] > 0.8


def test_the_recipe_study_is_the_default() -> None:
    study = RECIPES["study"]
    assert (study.optimizer, study.lr, study.batch_size, study.epochs, study.hidden_size) == (
        "adam",
        1e-3,
        100,
        20,
        500,
    )
    assert (study.distortion, study.dropout, study.batch_norm) == (None, 0, False)


@pytest.mark.parametrize("changes", [{"batch_norm": True}, {"dropout": 0.3}, {"distortion": Distortion()}], ids=str)
def test_every_hyperparameter_survives_an_interruption_to_the_bit(
    changes: dict[str, object], tmp_path: Path, mnist: MNIST
) -> None:
    digits = mnist.train_pixels[:5000], mnist.train_labels[:5000]
    recipe = small(epochs=2, schedule="warmup-cosine", **changes)
    whole, first_half, second_half = Trainer(recipe), Trainer(recipe), Trainer(recipe)
    whole.train_epoch(*digits)
    first_half.train_epoch(*digits)
    first_half.save(tmp_path / "checkpoint.pt")
    second_half.resume(tmp_path / "checkpoint.pt")
    for trainer in (whole, second_half):
        trainer.train_epoch(*digits)
    for one, other in zip(whole.export_model().parameters(), second_half.export_model().parameters(), strict=True):
        assert torch.equal(one, other)


def test_batch_normalization_is_folded_into_the_net_that_is_served(mnist: MNIST) -> None:
    trainer = Trainer(small(batch_norm=True))
    trainer.train_epoch(mnist.train_pixels[:5000], mnist.train_labels[:5000])
    pixels = mnist.test_pixels[:100]
    with torch.no_grad():
        torch.testing.assert_close(trainer.export_model()(pixels), trainer.layers.eval()(pixels))


def test_validation_scores_on_digits_that_it_did_not_learn(tmp_path: Path, mnist_root: Path) -> None:
    out = tmp_path / "chosen.pt"
    main([*SMALL, "--epochs", "1", "--validation-split", "--data", str(mnist_root), "--output", str(out)])
    report = json.loads(out.with_suffix(".json").read_bytes())
    assert report["validation"]["total"] == 10_000
    assert "test" not in report


def test_checkpoint_of_another_recipe_is_refused_and_no_resume_discards_it(
    tmp_path: Path, mnist_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mnist.pt"
    Trainer(small(lr=0.5), seed=1).save(checkpoint_path(out))
    command = [*SMALL, "--epochs", "1", "--data", str(mnist_root), "--output", str(out)]
    with pytest.raises(SystemExit) as exit_:
        main(command)
    assert exit_.value.code == 1
    assert capsys.readouterr().err == (
        f"error: an interrupted run had --lr 0.5, --seed 1: --no-resume starts anew, without {checkpoint_path(out)}\n"
    )
    main([*command, "--no-resume"])
    assert out.exists()
    assert not checkpoint_path(out).exists()


@pytest.mark.parametrize("content", [b"", b"PK\3\4half", torch.arange(3).numpy().tobytes()])
def test_broken_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "broken.pt").write_bytes(content)
    with pytest.raises(TrainerError, match="checkpoint of an interrupted run is broken: --no-resume starts anew"):
        Trainer(small()).resume(tmp_path / "broken.pt")


def test_a_loss_that_blows_up_ends_the_run(mnist: MNIST) -> None:
    with pytest.raises(TrainerError, match="in epoch 1: use a smaller --lr"):
        Trainer(small(optimizer="sgd", lr=1e30)).train_epoch(mnist.train_pixels[:2000], mnist.train_labels[:2000])


def test_a_place_that_cannot_be_written_is_said_before_the_first_epoch(
    tmp_path: Path, mnist_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as exit_:
        main([*SMALL, "--epochs", "1", "--data", str(mnist_root), "--output", str(tmp_path / "file" / "mnist.pt")])
    printed = capsys.readouterr()
    assert (exit_.value.code, printed.out) == (1, "")
    assert printed.err.startswith(f"error: {tmp_path / 'file'}: ")


@pytest.mark.parametrize(
    "option", ["--epochs=0", "--lr=nan", "--lr=0", "--batch-size=-1", "--hidden-size=x", "--seed=-1", "--device=tpu"]
)
def test_numbers_out_of_range_are_named(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([option])
    assert exit_.value.code == 2
    assert option.split("=")[0] in capsys.readouterr().err


def test_a_place_that_can_not_be_written_is_named(
    tmp_path: Path, mnist_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as exit_:
        main([*SMALL, "--epochs=1", "--data", str(mnist_root), "--output", str(tmp_path / "file" / "mnist.pt")])
    assert exit_.value.code == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--device", "cuda"])
    assert exit_.value.code == 1
    assert "have no cuda: use --device auto" in capsys.readouterr().err


def test_tensorboard_reads_every_epoch(tmp_path: Path, mnist_root: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "my board"
    out = ["--data", str(mnist_root), "--output", str(tmp_path / "mnist.pt")]
    main([*SMALL, "--epochs", "2", *out, "--tensorboard", str(folder)])
    board = EventAccumulator(str(folder)).Reload()
    epochs = json.loads((tmp_path / "mnist.json").read_bytes())["epochs"]
    for name in ("train_loss", "train_accuracy", "test_accuracy"):
        values = [(event.step, pytest.approx(event.value)) for event in board.Scalars(name)]
        assert values == [(epoch["epoch"], epoch[name]) for epoch in epochs]
