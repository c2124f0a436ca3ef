"""The training recipes: hyperparameters under a name."""

from __future__ import annotations

from dataclasses import dataclass, replace

from training.mnist.augmentation import Distortion

LEARNING_RATES = {"adam": 1e-3, "sgd": 0.1}  # defaults where the recipe's own belongs to the other optimizer


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of one training run; `replace(FAST, dropout=0.2)` is a recipe too."""

    epochs: int = 20
    batch_size: int = 100
    hidden_size: int = 500
    optimizer: str = "adam"  # or "sgd", with Nesterov momentum 0.9
    lr: float = LEARNING_RATES["adam"]  # the maximum of the schedule
    schedule: str = "constant"  # or "warmup-cosine"
    dropout: float = 0.0  # share of the hidden units that each step drops
    batch_norm: bool = False  # of the hidden units; folded into fc1 after training
    distortion: Distortion | None = None
    rendered_share: float = 0.0  # share of rendered digits among those of an epoch (training/mnist/rendered)
    temperature: float = 1.0  # of the softmax that is served; --validation-split reports the best one


STUDY = Recipe()
# Weaker than in Simard et al. (2003): with 500 hidden units, distortions of that strength cost accuracy.
DEFAULT_DISTORTION = Distortion(
    rotation_deg=10, scale=0.1, shear=0.1, shift_px=0.3, elastic_px=1, elastic_sigma_px=4, thickness=0.5
)
FAST = Recipe(
    epochs=15,
    batch_size=250,
    optimizer="sgd",
    lr=0.4,
    schedule="warmup-cosine",
    batch_norm=True,
    distortion=DEFAULT_DISTORTION,
    temperature=1.08,
)
BEST = replace(FAST, epochs=100, temperature=1.29)
RECIPES = {"study": STUDY, "fast": FAST, "best": BEST}
