"""The names that a new model cannot have."""

from __future__ import annotations

import builtins
import keyword
import sys
from pathlib import Path

from common.errors import UserError
from model.config import NAME

MAX_LENGTH = 38  # kubernetes/generate.py makes names of resources of it
PLACES = ("model", "handlers", "training", "tests", "kubernetes/models")
PRODUCTS = ("weights/{}.pt", "weights/{}.json", "model_store/{}.mar")
# Words in the paths of TorchServe's APIs and of the gateway.
ROUTES = {
    *("all", "api_description", "explanations", "health", "infer", "live", "metrics", "models", "openapi", "ping"),
    *("predictions", "predict", "ready", "set_default", "v1", "v2", "versions", "wfpredict", "workflows"),
}
# The archive's own files and packages.
ARCHIVE = {"common", "extra", "handler", "handlers", "model", "model_config", "torchserve_patches", "training"}


class ModelNameError(UserError):
    """A model cannot have this name; the message is one sentence with the reason."""


def check_name(name: str, root: Path) -> None:
    """Raise ModelNameError unless a model in the repository `root` can be called `name`."""
    word = name.replace("-", "_")
    taken = [f"{place}/{name}" for place in PLACES if _exists(root / place / name)]
    left = [path.format(name) for path in PRODUCTS if (root / path.format(name)).exists()]
    reasons = {
        "a name is a lowercase word, not a path": "/" in name or "\\" in name or "." in name,
        f"it has {len(name)} characters, and {MAX_LENGTH} are the most": len(name) > MAX_LENGTH,
        "it ends with _": name.endswith("_"),
        "it is a word in the paths of TorchServe's APIs": word in ROUTES,
        "the archive of every model has a file or a package of that name": word in ARCHIVE,
        "a name is a lowercase letter, and letters, digits and _": not NAME.fullmatch(name),
        "it is a word of Python": keyword.iskeyword(name) or keyword.issoftkeyword(name) or hasattr(builtins, name),
        "a module of Python's library has it": name in {*sys.stdlib_module_names, "test"},
        f"the repository has a folder {name}/": (root / name).exists(),
        f"it is taken, by {', '.join(taken)}": bool(taken),
        f"{' and '.join(left)} of an earlier model would be served for it; remove them first": bool(left),
    }
    for reason, applies in reasons.items():
        if applies:
            raise ModelNameError(f"a model cannot be called {name!r}: {reason}")


def _exists(path: Path) -> bool:
    return path.exists() or path.with_name(f"{path.name}.py").exists()
