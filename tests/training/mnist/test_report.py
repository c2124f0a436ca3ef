"""The report describes the runs, trains missing runs once, and counts the mistakes of the net."""

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
from training.mnist.report import findings, plots, runs
from training.mnist.report.__main__ import main
from training.mnist.report.scores import scores

SMALL = {
    "study": replace(STUDY, epochs=2, hidden_size=16, batch_size=500),
    "fast": replace(STUDY, epochs=1, hidden_size=16, batch_size=500, optimizer="sgd", lr=0.1),
}


class Page(HTMLParser):
    """Collects a page's pictures, links and ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag == "img":
            self.images.append(found)
        self.links += [found["href"] or ""] if "href" in found else []
        self.ids += [found["id"] or ""] if "id" in found else []


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


@pytest.mark.slow
def test_the_page_is_whole_and_a_second_report_trains_nothing(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(runs, "RECIPES_COMPARED", SMALL)
    monkeypatch.chdir(tmp_path)
    (net,) = runs.load_or_train(["study"], 1, mnist_root, Path("my runs"), "cpu")
    figures = {"count": 20, "accuracy": {"plain resize": {"scan": 0.2}, "the service": {"scan": 0.9}}}
    Path("robustness.json").write_text(json.dumps(figures))
    options = ["--weights", str(net.weights), "--runs", "my runs", "--data", str(mnist_root), "--output", "my report"]
    options += ["--recipes", "study", "fast", "--device", "cpu", "--robustness", "robustness.json"]
    capsys.readouterr()
    main([*options, "--seeds", "2"])
    assert capsys.readouterr().out.startswith("3 runs to train, 4 epochs in all; finished runs stay in my runs\n")
    report = json.loads(Path("my report/report.json").read_bytes())
    study, fast = report["recipes"]
    assert (study["recipe"], study["seeds"], study["epochs"], fast["epochs"]) == ("study", 2, 2, 1)
    assert study["accuracy"][0] == net.report["test"]["accuracy"] == report["net"]["correct"] / 10_000
    text = Path("my report/index.html").read_text()
    page = Page(text)
    assert len(page.images) == 6
    for image in page.images:
        with Image.open(Path("my report") / (image["src"] or "")) as picture:
            assert np.asarray(picture.convert("L")).std() > 5, image
            ratio = int(image["width"] or 0) / int(image["height"] or 0)
            assert ratio == pytest.approx(picture.width / picture.height, rel=0.01)
        assert len(image["alt"] or "") > 40
    assert len({image["alt"] for image in page.images}) == 6
    for link in page.links:
        assert link.removeprefix("#") in page.ids if link.startswith("#") else (Path("my report") / link).exists()
    assert f"{100 * study['accuracy'][0]:.2f} %" in text
    main([*options, "--seeds", "2"])
    assert capsys.readouterr().out == "look at my report/index.html\n"


def test_a_run_of_another_recipe_is_trained_anew(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RECIPES_COMPARED", SMALL)
    (before,) = runs.load_or_train(["fast"], 1, mnist_root, tmp_path, "cpu")
    monkeypatch.setattr(runs, "RECIPES_COMPARED", {"fast": replace(SMALL["fast"], lr=0.2)})
    (after,) = runs.load_or_train(["fast"], 1, mnist_root, tmp_path, "cpu")
    assert (before.report["arguments"]["lr"], after.report["arguments"]["lr"]) == (0.1, 0.2)


def test_a_file_that_is_no_robustness_evaluation_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights.save(Net(hidden_size=16), {"temperature": 1.0, "test": {"accuracy": 0.1}}, tmp_path / "mnist.pt")
    (tmp_path / "robustness.json").write_text("[]")
    with pytest.raises(SystemExit):
        main(["--weights", str(tmp_path / "mnist.pt"), "--robustness", str(tmp_path / "robustness.json")])
    assert "robustness.json is not what `python -m training.mnist.robustness --json` writes" in capsys.readouterr().err


@pytest.mark.slow
def test_a_report_is_drawn_again_without_training(
    tmp_path: Path, mnist_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RECIPES_COMPARED", SMALL)
    monkeypatch.chdir(tmp_path)
    (net,) = runs.load_or_train(["study"], 1, mnist_root, Path("runs"), "cpu")
    data = ["--data", str(mnist_root)]
    main(["--weights", str(net.weights), "--runs", "runs", "--recipes", "study", *data, "--output", "first"])
    monkeypatch.setattr(runs, "RECIPES_COMPARED", {})
    main(["--redraw", "first/report.json", *data, "--output", "second"])
    for file in Path("first").iterdir():
        assert (Path("second") / file.name).read_bytes() == file.read_bytes(), file.name


def test_findings_are_computed_from_the_figures() -> None:
    def recipe(name: str, accuracy: float, seconds: float) -> dict[str, object]:
        return {"recipe": name, "accuracy": [accuracy], "total_s": [seconds]}

    assert "gains 1.0 points on study in the same 21 s" in findings.comparison(
        [recipe("study", 0.98, 20), recipe("fast", 0.99, 21)]
    )
    assert "loses 1.0 points" in findings.comparison([recipe("study", 0.99, 20), recipe("fast", 0.98, 60)])
    counts = np.eye(10, dtype=int) * 5
    assert findings.confusion(counts.tolist()) == "No mistakes"
    counts[9, 4], counts[1, 7] = 3, 2
    assert findings.confusion(counts.tolist()) == "5 mistakes; 9 → 4 leads with 3"
    assert findings.robustness({"a": {"x": 0.1, "y": 0.2}, "b": {"x": 1.0, "y": 0.9}}).endswith("15 % → 95 %")


def test_wilson_intervals_are_wide_for_few_and_never_leave_0_to_1() -> None:
    lower, upper = findings.wilson_interval([8, 800, 10, 0], [10, 1000, 10, 10])
    assert (round(lower[0], 2), round(upper[0], 2)) == (0.49, 0.94)
    assert upper[1] - lower[1] < (upper[0] - lower[0]) / 5
    assert (lower[2], upper[2]) == (pytest.approx(0.72, abs=0.01), 1)
    assert (lower[3], upper[3]) == (0, pytest.approx(0.28, abs=0.01))


def test_neighbouring_bins_are_merged_and_no_answer_is_lost() -> None:
    bins = [[0, 10, 25, 40, 5], [0, 3, 10, 30, 5], [0, 2, 12, 28, 5]]
    merged = plots.merge_bins(bins)
    assert merged[0].tolist() == [35, 45]
    assert merged.sum(1).tolist() == [sum(row) for row in bins]
