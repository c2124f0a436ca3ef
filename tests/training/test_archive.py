"""Archives hold all that TorchServe needs, the same bytes each time, and never unfit weights."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch

from model.mnist.net import Net
from model.xor.net import XORModel
from training import archive, weights

ROOT = Path(__file__).parents[2]


@pytest.fixture
def mnist_weights(tmp_path: Path) -> Path:
    return saved(Net(hidden_size=16), tmp_path / "my weights" / "mnist.pt")


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Copy the sources, for a test to change."""
    for folder in archive.PACKAGES:
        shutil.copytree(ROOT / folder, tmp_path / "sources" / folder)
    monkeypatch.setattr(archive, "ROOT", tmp_path / "sources")
    return tmp_path / "sources"


def saved(net: torch.nn.Module, path: Path, accuracy: float = 0.98) -> Path:
    weights.save(net, {"test": {"accuracy": accuracy}}, path)
    return path


def command(name: str, path: Path, store: Path) -> list[str]:
    return [name, "--weights", str(path), "--model-store", str(store)]


def refusal(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as exit_:
        archive.main(argv)
    assert exit_.value.code == 1
    assert not Path(argv[argv.index("--model-store") + 1]).exists()
    return capsys.readouterr().err


def test_mnist_archive_holds_weights_report_net_handlers_and_config(mnist_weights: Path, tmp_path: Path) -> None:
    archive.main([*command("mnist", mnist_weights, tmp_path / "store"), "--version", "2.1"])
    with zipfile.ZipFile(tmp_path / "store" / "mnist.mar") as mar:
        packages = {
            str(module.relative_to(ROOT))
            for package in ("common", "handlers", "model", "torchserve_patches")
            for module in (ROOT / package).rglob("*.py")
            if module.name != "handler.py" and "xor" not in module.parts
        } | {"model/mnist/model.yaml"}
        others = {"handler.py", "mnist.pt", "training.json", "model-config.yaml", "MAR-INF/MANIFEST.json"}
        assert {name for name in mar.namelist() if not name.endswith("/")} == packages | others
        assert {"model/mnist/net.py", "handlers/base_handler.py"} < packages
        assert mar.read("mnist.pt") == mnist_weights.read_bytes()
        assert mar.read("handler.py") == (ROOT / "handlers" / "mnist" / "handler.py").read_bytes()
        assert mar.read("training.json") == mnist_weights.with_suffix(".json").read_bytes()
        assert mar.read("model-config.yaml") == (ROOT / "model" / "mnist" / "model-config.yaml").read_bytes()
        assert json.loads(mar.read("MAR-INF/MANIFEST.json"))["model"] == {
            "modelName": "mnist",
            "serializedFile": "mnist.pt",
            "handler": "handler.py",
            "modelVersion": "2.1",
            "configFile": "model-config.yaml",
        }


def test_xor_archive_holds_its_own_handler_and_net(tmp_path: Path) -> None:
    argv = command("xor", saved(XORModel(), tmp_path / "xor.pt"), tmp_path / "store")
    archive.main([*argv, "--min-accuracy", "0.5"])
    with zipfile.ZipFile(tmp_path / "store" / "xor.mar") as mar:
        assert {"handler.py", "model/xor/net.py", "xor.pt", "model-config.yaml"} < set(mar.namelist())
        assert mar.read("handler.py") == (ROOT / "handlers" / "xor" / "handler.py").read_bytes()
        assert not [name for name in mar.namelist() if "mnist" in name]


def test_same_inputs_give_the_same_bytes_later_and_elsewhere(
    mnist_weights: Path, sources: Path, tmp_path: Path
) -> None:
    first = archive.archive("mnist", mnist_weights, "1.0", min_accuracy=0.97)
    for path in [*sources.rglob("*"), mnist_weights]:
        os.utime(path, (1e9, 1e9))
        path.chmod(0o700)
    elsewhere = Path(shutil.copytree(mnist_weights.parent, tmp_path / "elsewhere"), "other.pt")
    for file in elsewhere.parent.iterdir():
        file.rename(elsewhere.with_suffix(file.suffix))
    time.sleep(1.1)  # the manifest's date counts seconds
    assert archive.archive("mnist", elsewhere, "1.0", min_accuracy=0.97) == first


def test_two_archives_can_be_built_at_once(mnist_weights: Path, tmp_path: Path) -> None:
    stores = [tmp_path / "one store", tmp_path / "other store"]
    builds = [
        subprocess.Popen([sys.executable, "-m", "training.archive", *command("mnist", mnist_weights, store)], cwd=ROOT)
        for store in stores
    ]
    assert [build.wait(timeout=120) for build in builds] == [0, 0]
    one, other = ((store / "mnist.mar").read_bytes() for store in stores)
    assert one == other


def test_weights_below_the_threshold_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    poor = saved(Net(hidden_size=16), tmp_path / "poor.pt", accuracy=0.9699)
    assert refusal(command("mnist", poor, tmp_path / "store"), capsys) == (
        f"error: {poor} got 96.99% of the test right, less than 97.00%: train better weights or lower --min-accuracy\n"
    )
    archive.main(["mnist", "--min-accuracy", "0.96", *command("mnist", poor, tmp_path / "store")[1:]])


def test_weights_that_the_report_is_not_about_are_refused(
    mnist_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mnist_weights.write_bytes(weights.to_bytes(Net(hidden_size=16).state_dict()))
    assert "reports on other weights" in refusal(command("mnist", mnist_weights, tmp_path / "store"), capsys)


@pytest.mark.parametrize("missing", [".pt", ".json"])
def test_weights_and_report_must_both_be_there(
    missing: str, mnist_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mnist_weights.with_suffix(missing).unlink()
    said = refusal(command("mnist", mnist_weights, tmp_path / "store"), capsys)
    assert f"{mnist_weights.with_suffix(missing)} is not there: train" in said


@pytest.mark.parametrize("report", ["", "[]", "{}", '{"weights_sha256"'])
def test_broken_report_is_refused(
    report: str, mnist_weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mnist_weights.with_suffix(".json").write_text(report)
    said = refusal(command("mnist", mnist_weights, tmp_path / "store"), capsys)
    assert f"{mnist_weights.with_suffix('.json')} is broken: delete it and train again" in said


@pytest.mark.parametrize(
    ("name", "net"),
    [("mnist", XORModel()), ("mnist", Net(input_size=100)), ("mnist", Net(num_classes=2)), ("xor", Net())],
    ids=["xor as mnist", "100 inputs", "2 outputs", "mnist as xor"],
)
def test_weights_whose_shapes_do_not_fit_the_net_are_refused(
    name: str, net: torch.nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [*command(name, saved(net, tmp_path / "odd.pt"), tmp_path / "store"), "--min-accuracy", "0.5"]
    said = refusal(argv, capsys)
    assert said.startswith("error: the weights ")
    assert f"train them with training.{name}.train" in said


def test_a_handler_module_with_two_classes_is_refused(
    mnist_weights: Path, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (sources / "handlers" / "mnist" / "handler.py").open("a") as module:
        module.write("\n\nclass Second: ...\n")
    said = refusal(command("mnist", mnist_weights, tmp_path / "store"), capsys)
    assert "handler.py must define exactly one class" in said


def test_a_handler_module_that_is_no_python_is_refused_with_its_line(
    mnist_weights: Path, sources: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sources / "handlers" / "mnist" / "handler.py").write_text("import io\ndef (\n")
    said = refusal(command("mnist", mnist_weights, tmp_path / "store"), capsys)
    assert "handlers/mnist/handler.py" in said
    assert "line 2" in said


@pytest.mark.parametrize("option", ["--version=v1", "--min-accuracy=97", "--min-accuracy=nan"])
def test_options_out_of_range_are_named(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        archive.main(["mnist", option])
    assert exit_.value.code == 2
    assert option.split("=")[1] in capsys.readouterr().err
