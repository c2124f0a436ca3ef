"""Rendered digits, made once and kept in a file whose name is a hash of all that makes them.

python -m training.mnist.rendered.dataset     # make them now; training makes them where they are missing
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from common.cli import exit_on_error, parser_with_examples
from common.files import write_atomically
from common.paths import ROOT
from training.mnist.data import MNIST, SHA256, VALIDATION_DIGITS, add_data_option, load_mnist
from training.mnist.rendered import render

SEED = 20260701
CHUNK = 500  # digits that have one random generator
CODE = (
    "handlers/mnist/preprocessing/binarize.py",
    "handlers/mnist/preprocessing/localize.py",
    "handlers/mnist/preprocessing/normalize.py",
    "training/mnist/rendered/dataset.py",
    "training/mnist/rendered/render.py",
    "training/mnist/rendered/styles.py",
    "training/mnist/robustness/synthetic_digits.py",
)


@dataclass(frozen=True)
class Counts:
    """The digits of each kind; `held_out` digits are half small ones and half in styles that are not trained on."""

    small: int = 25_000
    strokes: int = 10_000
    held_out: int = 3_000


class Rendered(NamedTuple):
    """Pixels float32 [n, 784] in [0, 1], and labels int64 [n]: to train on, and to judge by."""

    train_pixels: Tensor
    train_labels: Tensor
    held_out_pixels: Tensor
    held_out_labels: Tensor


class Job(NamedTuple):
    """A chunk to render: its kind, its number among the chunks of that kind, its size, and what it is made of."""

    kind: str
    number: int
    size: int
    source: render.Source


def load_rendered(root: Path, mnist: MNIST, counts: Counts = Counts()) -> Rendered:
    """Load the rendered digits on to MNIST's device, from `root`/rendered; where they are missing, make them first.

    `mnist` is whole. Digits to train on are made of its first 50,000 training digits, the others of the last 10,000.
    """
    path = root / "rendered" / f"{fingerprint(counts)}.npz"
    if not path.exists():
        content = io.BytesIO()
        np.savez_compressed(content, **_render_all(mnist, counts))
        write_atomically(path, content.getvalue())
    device = mnist.train_pixels.device
    with np.load(path) as arrays:
        pixels, labels = (torch.from_numpy(arrays[part]).to(device) for part in ("pixels", "labels"))
    pixels, trained = pixels.view(-1, 784).float().div_(255), counts.small + counts.strokes
    return Rendered(pixels[:trained], labels[:trained], pixels[trained:], labels[trained:])


def fingerprint(counts: Counts) -> str:
    """Return a hash of the code that makes the digits, its libraries, its parameters and MNIST."""
    code = [(ROOT / file).read_bytes() for file in CODE]
    facts = [np.__version__, cv2.__version__, SEED, CHUNK, counts, SHA256, code]
    return sha256(repr(facts).encode()).hexdigest()[:16]


def _render_all(mnist: MNIST, counts: Counts) -> dict[str, Any]:
    images = (mnist.train_pixels.cpu() * 255).round().byte().view(-1, 28, 28).numpy()
    labels = mnist.train_labels.cpu().numpy()
    learned, kept = (
        render.Source(images[part], labels[part])
        for part in (slice(None, -VALIDATION_DIGITS), slice(-VALIDATION_DIGITS, None))
    )
    jobs = [
        *_jobs("small_digit", counts.small, learned),
        *_jobs("stroke_digit", counts.strokes, learned),
        *_jobs("small_digit", counts.held_out // 2, kept),
        *_jobs("held_out_digit", counts.held_out // 2, kept),
    ]
    total, rendered = sum(job.size for job in jobs), []
    # A new interpreter for each process: a fork of one that has loaded torch may hang.
    with (
        ProcessPoolExecutor(torch.get_num_threads(), get_context("spawn")) as pool,
        tqdm(total=total, desc="rendering digits", unit="digit", leave=False, disable=None) as progress,
    ):
        for job, chunk in zip(jobs, pool.map(_render_chunk, jobs), strict=True):
            rendered.append(chunk)
            progress.update(job.size)
    pixels, labels = (np.concatenate(parts) for parts in zip(*rendered, strict=True))
    return {"pixels": pixels, "labels": labels}


def _jobs(kind: str, count: int, source: render.Source) -> list[Job]:
    """Split `count` digits of a kind into chunks; each takes its own share of the source's digits along."""
    starts = range(0, count, CHUNK)
    shares = [slice(n, None, len(starts)) for n in range(len(starts))]
    return [
        Job(kind, n, min(CHUNK, count - start), render.Source(source.images[share], source.labels[share]))
        for n, (start, share) in enumerate(zip(starts, shares, strict=True))
    ]


def _render_chunk(job: Job) -> tuple[np.ndarray, np.ndarray]:
    cv2.setNumThreads(1)
    rng = np.random.default_rng([SEED, *job.kind.encode(), job.number])
    images, labels = zip(
        *(render.render(getattr(render, job.kind), job.source, rng) for _ in range(job.size)), strict=True
    )
    return np.stack(images), np.array(labels, np.int64)


def main(argv: Sequence[str] | None = None) -> None:
    parser = parser_with_examples(
        "Render the digits that --rendered-share trains on besides MNIST, if they are missing.",
        "python -m training.mnist.rendered.dataset",
    )
    add_data_option(parser)
    arguments = parser.parse_args(argv)
    with exit_on_error(if_interrupted="run the same command again"):
        rendered = load_rendered(arguments.data, load_mnist(arguments.data))
        print(f"{len(rendered.train_labels):,} digits to train on are in {arguments.data / 'rendered'}.")


if __name__ == "__main__":
    main()
