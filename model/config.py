"""Read model/NAME/model.yaml, the facts about a model that other files need. docs/own-model.md explains every key.

A model is a folder in model/ with a model.yaml; its name is the folder's.
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from common.errors import UserError

FOLDER = Path(__file__).resolve().parent
FILE = "model.yaml"
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class ModelConfigError(UserError):
    """A model.yaml is missing or wrong; the message is one sentence that names the file and the key."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping in a model.yaml; an unknown key is an error."""


class Input(_Section, frozen=True):
    """One input of the net: the type and shape of its values.

    `pixels` are integers from 0 to 255 or numbers from 0 to 1, and reach the net from 0 to 1; `number` reaches it as
    float32, `integer` as int64. `encoded` names the files that the handler's `preprocess` reads, if there are any.
    """

    type: Literal["pixels", "number", "integer"]
    shape: tuple[int, ...]
    name: str = "input"
    encoded: str = ""
    minimum: float | None = None
    maximum: float | None = None
    max_count: int = 10_000  # inputs in one request

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """The accepted shapes of one input; grayscale pixels may also have a dimension for their one channel."""
        channels = [(1, *self.shape), (*self.shape, 1)] if self.type == "pixels" and len(self.shape) == 2 else []
        return list(dict.fromkeys([self.shape, (math.prod(self.shape),), *channels]))

    @property
    def datatypes(self) -> list[str]:
        """The accepted datatypes of tensors in the Open Inference Protocol; BYTES are files in base64."""
        numbers = ["UINT8", "FP32"] if self.type == "pixels" else ["FP32", "FP64", "INT64", "INT32", "UINT8"]
        return [*numbers, *(["BYTES"] if self.encoded else [])]


class Output(_Section, frozen=True):
    """One output of the handler's `postprocess`: its datatype in the Open Inference Protocol, its shape for one input.

    BYTES are strings. `description`, `minimum` and `maximum` are for the OpenAPI document.
    """

    datatype: Literal["FP32", "INT64", "UINT8", "BYTES"]
    shape: tuple[int, ...] = ()
    description: str = ""
    minimum: float | None = None
    maximum: float | None = None


class Protocols(_Section, frozen=True):
    """The names of the outputs that each protocol answers; a protocol without outputs is not offered.

    `v1` is every response that is a JSON object for each input: to a file, to multipart files, to "instances".
    """

    v1: tuple[str, ...]
    v2: tuple[str, ...] = ()
    npy: tuple[str, ...] = ()


class Explanation(_Section, frozen=True):
    """The outputs of the handler's `explain`, and the number of inputs that one request may have explained."""

    outputs: dict[str, Output]
    max_count: int = 100


class Sample(_Section, frozen=True):
    """A request, a file in the model's folder, and fields that its response must have."""

    request: str
    response: dict[str, Any]


class Golden(_Section, frozen=True):
    """Inputs with known labels that a version must predict well before it may serve: `inputs` and `labels` of an .npz.

    `min_correct` and `max_regression`, against the version before, are shares of the set. `output` is compared with the
    label; they may differ by `tolerance`.
    """

    file: str
    min_correct: float
    max_regression: float = 0.0
    output: str = ""
    tolerance: float = 0.0


class Metrics(_Section, frozen=True):
    """Reasons, besides "bad_request", for which `preprocess` refuses a request: values of the label `outcome`."""

    outcomes: tuple[str, ...] = ()


class Training(_Section, frozen=True):
    """Where training/NAME/train.py runs on a cluster: on this number of nodes, whose processes share each batch."""

    nodes: Annotated[int, msgspec.Meta(ge=1)] = 1


class ModelConfig(_Section, frozen=True):
    """A model.yaml. `label_output` names the output that is an index into `labels`; a regression has neither."""

    name: str
    version: str
    summary: str
    input: Input
    outputs: dict[str, Output]
    protocols: Protocols
    sample: Sample
    golden_set: Golden
    labels: tuple[str, ...] = ()
    label_output: str = ""
    explanation: Explanation | None = None
    metrics: Metrics = Metrics()
    training: Training = Training()
    gateway: bool = True

    @property
    def folder(self) -> Path:
        return FOLDER / self.name

    @property
    def sample_request(self) -> Path:
        return self.folder / self.sample.request

    @property
    def golden_file(self) -> Path:
        return self.folder / self.golden_set.file


def names() -> list[str]:
    """Return the names of all models, sorted."""
    return sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))


def load(name: str) -> ModelConfig:
    """Read the model.yaml of one model. Raises ModelConfigError."""
    path = FOLDER / name / FILE
    try:
        config = msgspec.yaml.decode(path.read_bytes(), type=ModelConfig)
    except FileNotFoundError as error:
        known = ", ".join(names()) or "none"
        raise ModelConfigError(f"there is no model {name}; models in {FOLDER}: {known}") from error
    except msgspec.DecodeError as error:
        raise ModelConfigError(f"{path}: {error}") from error
    _check(config, path)
    return config


def load_all() -> list[ModelConfig]:
    """Read the model.yaml of every model. Raises ModelConfigError."""
    return [load(name) for name in names()]


def _check(config: ModelConfig, path: Path) -> None:
    """Raise ModelConfigError where keys contradict each other."""
    protocols = config.protocols
    named = {*protocols.v1, *protocols.v2, *protocols.npy, *filter(None, [config.label_output])}
    problems = {
        f"name is {config.name!r}, and the folder is {path.parent.name!r}": config.name != path.parent.name,
        f"the name {config.name!r} is not a lowercase word of letters, digits and _": not NAME.fullmatch(config.name),
        f"version {config.version!r} is not numbers and points, such as 1.0": not re.fullmatch(
            r"\d+(\.\d+)*", config.version
        ),
        f"outputs lacks {', '.join(sorted(named - set(config.outputs)))}": not named <= set(config.outputs),
        "labels and label_output belong together": bool(config.labels) != bool(config.label_output),
        "golden_set needs an output, because there is no label_output": not (
            config.label_output or config.golden_set.output
        ),
    }
    for problem, is_wrong in problems.items():
        if is_wrong:
            raise ModelConfigError(f"{path}: {problem}")


def check_files(config: ModelConfig) -> None:
    """Raise ModelConfigError unless the sample request and the golden set are there; an archive has neither."""
    for key, path in (("sample.request", config.sample_request), ("golden_set.file", config.golden_file)):
        if not path.is_file():
            raise ModelConfigError(f"{config.folder / FILE}: {key} names {path.name}, which is not there")
