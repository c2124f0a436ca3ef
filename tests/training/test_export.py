"""Exported files compute the handler's inference for any batch size, and none is written that answers otherwise."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from common.paths import ROOT
from handlers.mnist.handler import MnistHandler
from handlers.xor.handler import XORHandler
from model.mnist.net import build
from tests.support.archive_server import serve_archive
from tests.support.archives import weights_that_mistake_each_digit_for_the_next
from training import export, parity, weights

# torch 2.11, the last one for Python 3.10, warns of its own code.
pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec", "ignore:The given buffer is not writable")
OUTPUTS = {"mnist": "probabilities", "xor": "probability"}


@pytest.fixture(scope="module")
def trained(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the weights and the reports in the archives."""
    folder = tmp_path_factory.mktemp("weights")
    for name in OUTPUTS:
        with zipfile.ZipFile(archives / f"{name}.mar") as mar:
            (folder / f"{name}.pt").write_bytes(mar.read(f"{name}.pt"))
            (folder / f"{name}.json").write_bytes(mar.read("training.json"))
    return folder


@pytest.fixture(scope="module", params=OUTPUTS)
def exported(request: pytest.FixtureRequest, trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export a model and return the folder, which has its name."""
    output = tmp_path_factory.mktemp("export") / request.param
    export.main([request.param, "--weights", str(trained / f"{request.param}.pt"), "--output", str(output)])
    return output


@pytest.fixture(scope="module")
def url(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve the MNIST archive."""
    with serve_archive(archives / "mnist.mar", tmp_path_factory.mktemp("log") / "log") as served:
        yield served


def command(trained: Path, output: Path, *options: str) -> list[str]:
    return ["mnist", "--weights", str(trained / "mnist.pt"), "--output", str(output), *options]


def refusal(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Return the sentence with which an export is refused, after which its folder must not be there."""
    with pytest.raises(SystemExit) as exit_:
        export.main(argv)
    assert exit_.value.code == 1
    assert not Path(argv[argv.index("--output") + 1]).exists()
    return capsys.readouterr().err


def random_inputs(name: str, count: int) -> NDArray[Any]:
    random = np.random.default_rng(count)
    return random.random((count, 28, 28), np.float32) if name == "mnist" else random.integers(0, 2, (count, 2))


def expected(name: str, trained: Path, inputs: NDArray[Any]) -> NDArray[Any]:
    """Return the result of the handler's own inference."""
    handler = export.load_handler(name, trained / f"{name}.pt")
    with torch.inference_mode():
        return handler.inference(torch.from_numpy(inputs)).numpy()


@pytest.mark.parametrize("count", [1, 7, 64])
def test_onnx_computes_inference_for_any_batch_size(exported: Path, trained: Path, count: int) -> None:
    inputs = random_inputs(exported.name, count)
    session = onnxruntime.InferenceSession(exported / "model.onnx", providers=["CPUExecutionProvider"])
    (found,) = session.run([OUTPUTS[exported.name]], {"input": inputs})
    np.testing.assert_allclose(found, expected(exported.name, trained, inputs), atol=1e-5, rtol=0)


@pytest.mark.parametrize("count", [1, 7, 64])
def test_pt2_computes_inference_for_any_batch_size(exported: Path, trained: Path, count: int) -> None:
    inputs = random_inputs(exported.name, count)
    found = torch.export.load(exported / "model.pt2").module()(torch.from_numpy(inputs))
    np.testing.assert_allclose(found.detach().numpy(), expected(exported.name, trained, inputs), atol=1e-6, rtol=0)


def test_files_hold_no_path_of_this_machine(exported: Path) -> None:
    with zipfile.ZipFile(exported / "model.pt2") as pt2:
        contents = [pt2.read(name) for name in pt2.namelist()]
    contents += [path.read_bytes() for path in exported.rglob("*") if path.is_file()]
    assert not [content for content in contents if str(ROOT).encode() in content or b"site-packages" in content]


def test_the_triton_folder_has_the_same_onnx_file(exported: Path) -> None:
    folder = exported / "triton" / exported.name
    assert (folder / "1/model.onnx").read_bytes() == (exported / "model.onnx").read_bytes()
    assert {path.relative_to(exported).parts[0] for path in exported.rglob("*")} == {
        "model.onnx",
        "model.pt2",
        "triton",
    }


def test_the_table_has_a_line_for_each_file(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kept").write_text("of the user")
    export.main(command(trained, tmp_path))
    _, *rows, _ = capsys.readouterr().out.splitlines()
    assert [row.split()[:4:2] for row in rows] == [["model.onnx", "200"], ["model.pt2", "200"]]
    assert all(row.split()[3] == "200" and float(row.split()[4]) < 1e-4 for row in rows)
    assert (tmp_path / "kept").is_file()


INFERENCE = MnistHandler.inference


def poisoned(self: MnistHandler, inputs: Tensor) -> Tensor:
    """Give each digit the next one's probability in the exported files."""
    outputs = INFERENCE(self, inputs)
    return outputs.roll(1, dims=1) if torch.compiler.is_compiling() else outputs


def slightly_poisoned(self: MnistHandler, inputs: Tensor) -> Tensor:
    return INFERENCE(self, inputs) + (2e-4 if torch.compiler.is_compiling() else 0)


def undefined(self: MnistHandler, inputs: Tensor) -> Tensor:
    return INFERENCE(self, inputs) * (torch.nan if torch.compiler.is_compiling() else 1)


def branching(self: MnistHandler, inputs: Tensor) -> Tensor:
    return INFERENCE(self, inputs if inputs.sum() > 0 else 1 - inputs)


def of_fixed_batch(self: MnistHandler, inputs: Tensor) -> Tensor:
    return INFERENCE(self, inputs) * (torch.ones(2, 1) if torch.compiler.is_compiling() else 1)


@pytest.mark.parametrize(
    ("inference", "reason"),
    [
        (poisoned, "model.onnx answers 0 of 200 golden inputs like the handler"),
        (slightly_poisoned, "200 of 200 golden inputs like the handler and differs by up to 2.0e-04"),
        (undefined, "differs by up to nan"),
        (branching, "cannot be exported"),
        (of_fixed_batch, "cannot be exported"),
    ],
)
def test_an_unfit_inference_is_refused(
    inference: Callable[[MnistHandler, Tensor], Tensor],
    reason: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(MnistHandler, "inference", inference)
    said = refusal(command(trained, tmp_path / "out"), capsys)
    assert said.count("\n") == 1
    assert reason in said


def test_a_refused_export_leaves_the_one_before(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.onnx").write_text("the one before")
    monkeypatch.setattr(MnistHandler, "inference", poisoned)
    with pytest.raises(SystemExit):
        export.main(command(trained, tmp_path))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"model.onnx": "the one before"}


def test_files_equal_the_answers_of_a_server(url: str, trained: Path, tmp_path: Path) -> None:
    export.main(command(trained, tmp_path / "out", "--url", f"{url}/"))
    assert (tmp_path / "out/model.onnx").is_file()


def test_a_server_with_other_weights_is_named(
    url: str, archives: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = torch.load(io.BytesIO(weights_that_mistake_each_digit_for_the_next(archives / "mnist.mar")))
    weights.save(build(state), json.loads((trained / "mnist.json").read_text()), tmp_path / "mnist.pt")
    said = refusal(command(tmp_path, tmp_path / "out", "--url", url), capsys)
    assert url in said
    assert "--weights" in said


def test_no_server_is_one_sentence(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = refusal(command(trained, tmp_path / "out", "--url", "http://127.0.0.1:9"), capsys)
    assert said.count("\n") == 1
    assert "make serve" in said


@pytest.mark.parametrize("package", export.PACKAGES)
def test_a_missing_package_is_named_with_the_remedy(
    package: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    said = refusal(command(trained, tmp_path / "out"), capsys)
    assert said.startswith(f"error: {package} ")
    assert "make export" in said


def test_missing_weights_and_unknown_models_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["--output", str(tmp_path / "out")]
    assert "none.json is not there" in refusal(["xor", "--weights", str(tmp_path / "none.pt"), *output], capsys)
    assert "there is no model" in refusal(["none", *output], capsys)


class TwoTensors(XORHandler):
    """Returns two tensors by name, one of them no output of model.yaml."""

    def inference(self, inputs: Tensor) -> Any:
        probability = super().inference(inputs)
        return {"p": probability, "logit": probability.logit()}

    def postprocess(self, outputs: Any) -> Mapping[str, Any]:
        return super().postprocess(outputs["p"])


class Counting(TwoTensors):
    """Returns a number too."""

    def inference(self, inputs: Tensor) -> Any:
        return {**super().inference(inputs), "n": len(inputs)}


def loaded(handler: XORHandler, trained: Path) -> XORHandler:
    handler.load("xor", trained / "xor.pt", json.loads((trained / "xor.json").read_text()), torch.device("cpu"))
    return handler


def test_several_tensors_are_exported(trained: Path) -> None:
    handler = loaded(TwoTensors(), trained)
    with torch.inference_mode():
        tensors = export.find_tensors(handler, torch.tensor([[0, 1], [1, 1]]))
    assert tensors.names == ["probability", "output_1"]
    onnx = export.to_onnx(export.export_program(handler), "input", tensors.names)
    golden = parity.golden_inputs(handler)
    served = parity.answer(handler, handler.inference, golden)
    assert parity.compare(served, parity.answer(handler, export.load_onnx(onnx, tensors), golden)).holds


def test_an_output_that_is_no_tensor_is_refused(trained: Path) -> None:
    with torch.inference_mode(), pytest.raises(export.ExportError, match="inference returns int"):
        export.find_tensors(loaded(Counting(), trained), torch.tensor([[0, 1], [1, 1]]))
