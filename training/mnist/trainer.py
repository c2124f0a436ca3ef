"""The training loop, and the checkpoint from which an interrupted run resumes."""

from __future__ import annotations

import copy
import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch.nn.utils.fusion import fuse_linear_bn_eval
from tqdm import tqdm

from common.errors import UserError
from common.files import write_atomically
from model.mnist.net import Net
from training import distributed, weights
from training.mnist.augmentation import Augment
from training.mnist.recipes import Recipe
from training.schedule import learning_rate

MOMENTUM = 0.9
EPOCH_SEED_STEP = 1_000_003  # primes, so that epochs and processes of neighbouring seeds do not meet
RANK_SEED_STEP = 15_485_863
OPTIONS = {"distortion": "augment_strength"}  # settings whose option has another name
SMALLEST_SHARD = 2  # digits; batch normalization of one is undefined, so an epoch drops a smaller last batch


class TrainerError(UserError):
    """The run cannot go on."""


class Trainer:
    """Trains one net by a recipe; `save` and `resume` work between two epochs.

    The same recipe and seed on the same machine give bit-identical weights, resumed or not. Raises TrainerError when
    the batch size is too small for the number of processes.
    """

    def __init__(self, recipe: Recipe, seed: int = 0, device: str = "cpu") -> None:
        smallest_batch = SMALLEST_SHARD * distributed.world_size()
        if recipe.batch_size < smallest_batch:
            raise TrainerError(f"--batch-size {recipe.batch_size} is less than {smallest_batch}, two digits a process")
        _set_deterministic(device)
        torch.manual_seed(seed)
        self.recipe, self.seed, self.device = recipe, seed, device
        self.net = Net(hidden_size=recipe.hidden_size).to(device)
        # Momentum 0.02 averages over some fifty batches; the default averages over ten, which is noisy when served.
        self.norm = nn.BatchNorm1d(recipe.hidden_size, momentum=0.02) if recipe.batch_norm else nn.Identity()
        net, dropout = self.net, nn.Dropout(recipe.dropout)
        self.layers = nn.Sequential(net.fc1, self.norm, net.relu, dropout, net.fc2).to(device)
        self.parallel_layers = DistributedDataParallel(self.layers) if distributed.world_size() > 1 else self.layers
        self.optimizer = _optimizer(self.layers, recipe)
        self.generator = torch.Generator(device)
        self.augment = Augment(recipe.distortion, self.generator) if recipe.distortion else nn.Identity()
        self.epochs: list[dict[str, Any]] = []

    def train_epoch(self, pixels: Tensor, labels: Tensor, rendered: int = 0) -> None:
        """Train on pixels float32 [n, 784] and labels int64 [n], each digit once in a new random order.

        The last `rendered` of them are rendered digits: so many of these are drawn that they are the recipe's share.
        Several processes share each batch. Appends the epoch's figures to `epochs`; raises TrainerError when the loss
        is no longer finite.
        """
        start_s = time.perf_counter()
        batches = self._epoch_batches(len(labels) - rendered, rendered)
        sums = torch.zeros(3, device=pixels.device)  # read once at the end: each read waits for the device
        for step, batch in enumerate(self._with_progress(batches)):
            self._set_learning_rate((len(self.epochs) + step / len(batches)) / self.recipe.epochs)
            shard = batch[distributed.rank() :: distributed.world_size()]
            logits = self.parallel_layers(self.augment(pixels[shard]))
            loss = cross_entropy(logits, labels[shard])
            self.optimizer.zero_grad()
            # DistributedDataParallel averages over processes; this weight makes that the mean over the batch.
            (loss * (len(shard) * distributed.world_size() / len(batch))).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            right = (logits.argmax(1) == labels[shard]).sum()
            sums += torch.stack([loss.detach() * len(shard), right, torch.full_like(right, len(shard))])
        loss_sum, correct, seen = distributed.all_reduce_sum(sums).tolist()
        if not math.isfinite(loss_sum):
            raise TrainerError(
                f"the loss is {loss_sum} in epoch {len(self.epochs) + 1}: use a smaller --lr, and --no-resume"
            )
        self.epochs.append(
            {
                "epoch": len(self.epochs) + 1,
                "train_loss": loss_sum / seen,
                "train_accuracy": correct / seen,
                "seconds": round(time.perf_counter() - start_s, 2),
            }
        )

    @torch.no_grad()
    def accuracy(self, pixels: Tensor, labels: Tensor) -> float:
        """Return the current net's accuracy on pixels float32 [n, 784] and labels int64 [n]."""
        self.layers.eval()
        logits = self.layers(pixels)
        self.layers.train()
        return (logits.argmax(1) == labels).float().mean().item()

    def export_model(self) -> Net:
        """Return a copy of the net for serving: on the CPU, with the batch normalization folded into fc1."""
        net, norm = copy.deepcopy(self.net).cpu().eval(), copy.deepcopy(self.norm).cpu().eval()
        if isinstance(norm, nn.BatchNorm1d):
            net.fc1 = fuse_linear_bn_eval(net.fc1, norm)
        return net

    def save(self, checkpoint: Path) -> None:
        """Write recipe, epochs, layers and optimizer to `checkpoint`, atomically."""
        state = {
            "settings": self._settings(),
            "epochs": self.epochs,
            "layers": self.layers.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_atomically(checkpoint, weights.to_bytes(state))

    def resume(self, checkpoint: Path) -> None:
        """Load the state in `checkpoint`. Raises TrainerError when it belongs to another recipe or is broken."""
        remedy = f"--no-resume starts anew, without {checkpoint}"
        try:
            state = distributed.broadcast_from_rank0(lambda: weights.load_state(checkpoint))
            if state["settings"] != self._settings():
                raise TrainerError(
                    f"an interrupted run had {_differences(state['settings'], self._settings())}: {remedy}"
                )
            self.epochs = state["epochs"]
            self.layers.load_state_dict(state["layers"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (weights.WeightsError, LookupError, RuntimeError, TypeError, ValueError) as error:
            raise TrainerError(f"the checkpoint of an interrupted run is broken: {remedy}") from error

    def _settings(self) -> dict[str, Any]:
        return {**asdict(self.recipe), "seed": self.seed, "device": self.device}

    def _epoch_batches(self, digits: int, rendered: int) -> list[Tensor]:
        """Draw the indices of an epoch's batches, equal in all processes, and seed augmentation and dropout.

        Each epoch has its own seed, so that checkpoints need no generator state; each process augments differently.
        """
        seed = (self.seed + EPOCH_SEED_STEP * (len(self.epochs) + 1)) % 2**63
        self.generator.manual_seed(seed)
        order = self._permutation(digits)
        if rendered:
            share = self.recipe.rendered_share
            count = round(digits * share / (1 - share))
            drawn = self._permutation(max(count, rendered))[:count] % rendered
            order = torch.cat([order, digits + drawn])
            order = order[self._permutation(len(order))]
        if not distributed.is_rank0():
            seed = (seed + RANK_SEED_STEP * distributed.rank()) % 2**63
            self.generator.manual_seed(seed)  # for the augmentation
        torch.manual_seed(seed)  # for dropout
        batches = torch.split(order, self.recipe.batch_size)
        return [batch for batch in batches if len(batch) >= SMALLEST_SHARD * distributed.world_size()]

    def _permutation(self, n: int) -> Tensor:
        return torch.randperm(n, generator=self.generator, device=self.device)

    def _set_learning_rate(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe.schedule, self.recipe.lr, progress)

    def _with_progress(self, batches: Sequence[Tensor]) -> Iterable[Tensor]:
        silent = None if distributed.is_rank0() else True  # None: silent unless stderr is a terminal
        return tqdm(batches, f"epoch {len(self.epochs) + 1}", unit="batch", leave=False, disable=silent)


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return the options in which the settings of a checkpoint differ, with its values."""
    names = [name for name, value in wanted.items() if found.get(name) != value]
    return ", ".join(f"--{OPTIONS.get(name, name).replace('_', '-')} {found.get(name)}" for name in names)


def _set_deterministic(device: str) -> None:
    if device == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it
        torch.use_deterministic_algorithms(True)


def _optimizer(layers: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(layers.parameters(), recipe.lr, MOMENTUM, nesterov=True, fused=True)
    return torch.optim.Adam(layers.parameters(), recipe.lr, fused=True)
