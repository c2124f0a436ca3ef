"""Train new_model on images that are drawn on the spot, in seconds.

python -m training.new_model.train              # weights/new_model.pt and weights/new_model.json
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from common.cli import exit_on_error, parser_with_examples, positive_float, positive_int, seed_int
from model.new_model.net import Net
from training import weights
from training.new_model.data import LABELS, make_dataset

TRAIN_SEED, TEST_SEED = 0, 1
TRAIN_COUNT, TEST_COUNT = 6_000, 1_000
BATCH_SIZE = 128


def load(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return n inputs as the handler gives them to the net, float32 from 0 to 1, and their labels, int64 [n]."""
    images, labels = make_dataset(n, seed)
    return torch.from_numpy(images) / 255, torch.from_numpy(labels)


def train(epochs: int, lr: float, seed: int) -> Net:
    """Train a net from scratch. Equal seeds give equal nets on one machine."""
    torch.manual_seed(seed)
    inputs, labels = load(TRAIN_COUNT, TRAIN_SEED)
    net = Net(classes=len(LABELS))
    optimizer = torch.optim.Adam(net.parameters(), lr)
    steps = epochs * -(-TRAIN_COUNT // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    with tqdm(total=steps, unit="batch", disable=None) as progress:
        for epoch in range(epochs):
            progress.set_description(f"epoch {epoch + 1} of {epochs}")
            order = torch.randperm(TRAIN_COUNT)
            for start in range(0, TRAIN_COUNT, BATCH_SIZE):
                batch = order[start : start + BATCH_SIZE]
                loss = cross_entropy(net(inputs[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                progress.update()
    return net.eval()


def count_correct(net: Net) -> int:
    """Count the right answers to `TEST_COUNT` images that the net was not trained on."""
    inputs, labels = load(TEST_COUNT, TEST_SEED)
    with torch.inference_mode():
        return int((net(inputs).argmax(dim=1) == labels).sum())


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples("Train new_model.", "python -m training.new_model.train --epochs 20 --lr 0.005")
    parser.add_argument("--epochs", type=positive_int, default=5, help="passes over the data (default: %(default)s)")
    parser.add_argument("--lr", type=positive_float, default=0.01, help="highest learning rate (default: %(default)s)")
    parser.add_argument("--seed", type=seed_int, default=0, help="seed of the weights (default: %(default)s)")
    help_text = "file of the weights; the report goes beside it (default: %(default)s)"
    parser.add_argument("--output", type=Path, default=Path("weights/new_model.pt"), help=help_text)
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="nothing is kept; run the same command again"):
        start_s = time.perf_counter()
        net = train(arguments.epochs, arguments.lr, arguments.seed)
        correct = count_correct(net)
        report = {
            "arguments": {"epochs": arguments.epochs, "lr": arguments.lr, "seed": arguments.seed},
            "test": {"correct": correct, "total": TEST_COUNT, "accuracy": correct / TEST_COUNT},
            "duration_s": round(time.perf_counter() - start_s, 2),
            "versions": weights.versions(),
        }
        weights.save(net, report, arguments.output)
        print(f"{correct} of {TEST_COUNT} test images right after {report['duration_s']} s: {arguments.output}")


if __name__ == "__main__":
    main()
