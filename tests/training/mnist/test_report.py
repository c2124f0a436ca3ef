"""The report tells what the runs were, trains what is missing once, and counts what the net gets wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from model.mnist.net import Net
from training import weights
from training.mnist.recipes import STUDY
from training.mnist.report import runs
from training.mnist.report.__main__ import main
from training.mnist.report.scores import scores

SMALL = {
    "study": replace(STUDY, epochs=2, hidden_size=16, batch_size=500),
    "fast": replace(STUDY, epochs=1, hidden_size=16, batch_size=500, optimizer="sgd", lr=0.1),
}


class Sources(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attributes if name in ("src", "href")]


class Says(nn.Module):
    """Answers what is written into the first ten pixels."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return 10 * pixels[:, :10]


def test_mistakes_are_counted_and_the_surest_comes_first() -> None:
    labels = torch.tensor([1, 1, 2, 3])
    pixels = torch.zeros(4, 784)
    for i, (answer, sureness) in enumerate([(1, 1.0), (7, 0.5), (2, 1.0), (8, 1.0)]):
        pixels[i, answer] = sureness
    found = scores(Says(), pixels, labels, temperature=1.0)
    assert (found["correct"], found["total"]) == (2, 4)
    assert [(m["index"], m["label"], m["answer"]) for m in found["mistakes"]] == [(3, 3, 8), (1, 1, 7)]
    assert found["confusion"][1][7] == found["confusion"][3][8] == 1
    assert np.sum(found["confusion"]) == 4
    assert found["per_class"][1] == {"digit": 1, "total": 2, "correct": 1, "precision": 1.0, "recall": 0.5}
    assert sum(found["reliability"][0]) == 4
    assert sum(found["reliability"][2]) == 2


def test_the_page_is_whole_and_a_second_report_trains_nothing(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "RECIPES_COMPARED", SMALL)
    monkeypatch.chdir(tmp_path)
    (net,) = runs.trained(["study"], 1, mnist_root, Path("my runs"), "cpu")
    Path("robustness.json").write_text(
        json.dumps({"accuracy": {"plain resize": {"photo": 0.2}, "ours": {"photo": 0.9}}})
    )
    options = ["--weights", str(net.weights), "--runs", "my runs", "--data", str(mnist_root), "--output", "my report"]
    options += ["--recipes", "study", "fast", "--device", "cpu", "--robustness", "robustness.json"]
    capsys.readouterr()
    main([*options, "--seeds", "2"])
    assert capsys.readouterr().out.startswith("3 runs to train, 4 epochs in all; what is done stays in my runs\n")
    report = json.loads(Path("my report/report.json").read_bytes())
    study, fast = report["recipes"]
    assert (study["recipe"], study["seeds"], study["epochs"], fast["epochs"]) == ("study", 2, 2, 1)
    assert study["accuracy"][0] == net.report["test"]["accuracy"] == report["net"]["correct"] / 10_000
    page = Path("my report/index.html").read_text()
    sources = Sources()
    sources.feed(page)
    assert len(sources.found) == 6
    for name in sources.found:
        assert np.asarray(Image.open(Path("my report") / name).convert("L")).std() > 5, name
    assert f"{study['accuracy'][0]:.2%}" in page
    main([*options, "--seeds", "2"])
    assert capsys.readouterr().out == "look at my report/index.html\n"


def test_a_run_of_another_recipe_is_trained_anew(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RECIPES_COMPARED", SMALL)
    (before,) = runs.trained(["fast"], 1, mnist_root, tmp_path, "cpu")
    monkeypatch.setattr(runs, "RECIPES_COMPARED", {"fast": replace(SMALL["fast"], lr=0.2)})
    (after,) = runs.trained(["fast"], 1, mnist_root, tmp_path, "cpu")
    assert (before.report["arguments"]["lr"], after.report["arguments"]["lr"]) == (0.1, 0.2)


def test_a_file_that_is_no_wild_evaluation_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights.save(Net(hidden_size=16), {"temperature": 1.0, "test": {"accuracy": 0.1}}, tmp_path / "mnist.pt")
    (tmp_path / "robustness.json").write_text("[]")
    with pytest.raises(SystemExit):
        main(["--weights", str(tmp_path / "mnist.pt"), "--robustness", str(tmp_path / "robustness.json")])
    assert "robustness.json is not what `python -m training.mnist.robustness --json` writes" in capsys.readouterr().err
