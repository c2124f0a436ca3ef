"""Rendered digits are made once, are the same everywhere, and those to judge by are not trained on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from handlers.mnist.preprocessing.normalize import is_mnist_form
from training.mnist import train
from training.mnist.data import MNIST, VALIDATION_DIGITS, load_mnist
from training.mnist.recipes import RECIPES, Recipe
from training.mnist.rendered import dataset, render
from training.mnist.rendered.dataset import Counts, Rendered, fingerprint, load_rendered
from training.mnist.rendered.styles import STYLES
from training.mnist.train import main
from training.mnist.trainer import Trainer
from training.weights import load_report

FEW = Counts(small=30, strokes=60, held_out=40)


@pytest.fixture(scope="module")
def mnist(mnist_root: Path) -> MNIST:
    return load_mnist(mnist_root)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rendered digits")


@pytest.fixture(scope="module")
def rendered(cache: Path, mnist: MNIST) -> Rendered:
    return load_rendered(cache, mnist, FEW)


def source(mnist: MNIST) -> render.Source:
    images = (mnist.test_pixels * 255).round().byte().view(-1, 28, 28).numpy()
    return render.Source(images, mnist.test_labels.numpy())


def test_there_are_as_many_as_told_and_all_are_in_mnists_form(rendered: Rendered) -> None:
    assert len(rendered.train_pixels) == len(rendered.train_labels) == FEW.small + FEW.strokes
    assert len(rendered.held_out_pixels) == len(rendered.held_out_labels) == FEW.held_out
    for pixels in (rendered.train_pixels, rendered.held_out_pixels):
        images = (pixels * 255).round().byte().view(-1, 28, 28).numpy()
        assert all(is_mnist_form(image) for image in images)


def test_the_same_code_gives_the_same_digits(tmp_path: Path, mnist: MNIST, rendered: Rendered) -> None:
    again = load_rendered(tmp_path, mnist, FEW)
    assert all(torch.equal(one, other) for one, other in zip(rendered, again, strict=True))


def test_they_are_made_once(cache: Path, mnist: MNIST, rendered: Rendered) -> None:
    (file,) = (cache / "rendered").iterdir()
    made = file.stat().st_mtime_ns
    again = load_rendered(cache, mnist, FEW)
    assert [path.stat().st_mtime_ns for path in (cache / "rendered").iterdir()] == [made]
    assert all(torch.equal(one, other) for one, other in zip(rendered, again, strict=True))


@pytest.mark.parametrize("file", dataset.CODE)
def test_a_change_of_the_code_that_makes_them_makes_them_anew(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(FEW)
    changed = tmp_path / "changed.py"
    changed.write_bytes((dataset.ROOT / file).read_bytes() + b"# changed\n")
    monkeypatch.setattr(dataset, "CODE", [str(changed) if part == file else part for part in dataset.CODE])
    assert fingerprint(FEW) != before


def test_other_parameters_have_another_file() -> None:
    assert fingerprint(FEW) != fingerprint(Counts())


def test_styles_to_judge_by_are_not_trained_on(mnist: MNIST, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = source(mnist)
    trained_on = render.render(render.stroke_digit, digits, np.random.default_rng(1))
    judged_by = render.render(render.held_out_digit, digits, np.random.default_rng(1))
    monkeypatch.setattr(render, "SKELETONS", {})
    without = render.render(render.stroke_digit, digits, np.random.default_rng(1))
    np.testing.assert_array_equal(without[0], trained_on[0])
    with pytest.raises(KeyError):
        render.render(render.held_out_digit, digits, np.random.default_rng(1))
    monkeypatch.undo()
    monkeypatch.setattr(render, "STYLES", {})
    without = render.render(render.held_out_digit, digits, np.random.default_rng(1))
    np.testing.assert_array_equal(without[0], judged_by[0])


def test_digits_to_judge_by_are_made_of_digits_that_are_not_trained_on(tmp_path: Path, mnist: MNIST) -> None:
    labels = torch.ones(60_000, dtype=torch.int64)
    labels[-VALIDATION_DIGITS:] = 7
    marked = load_rendered(tmp_path, mnist._replace(train_labels=labels), Counts(20, 0, 20))
    assert set(marked.train_labels.tolist()) == {1}
    assert set(marked.held_out_labels[:10].tolist()) == {7}


def test_every_digit_has_its_styles() -> None:
    assert sorted(STYLES) == list(range(10))
    assert all(len(set(styles)) >= 2 for styles in STYLES.values())


def test_each_style_draws_something_else_each_time() -> None:
    rng = np.random.default_rng(0)
    for style in {style for styles in STYLES.values() for style in styles}:
        one, other = (render.read(render.draw(style(rng), rng)) for _ in range(2))
        assert not np.array_equal(one, other), style.__name__


def test_an_epoch_has_the_recipes_share_of_rendered_digits_drawn_from_all() -> None:
    trainer = Trainer(Recipe(rendered_share=0.25, hidden_size=8))
    order = torch.cat(trainer._epoch_batches(600, 1000))
    drawn = order[order >= 600]
    assert sorted(order[order < 600].tolist()) == list(range(600))
    assert (len(drawn), len(drawn.unique())) == (200, 200)
    assert drawn.min() < 700
    assert drawn.max() > 1500
    few = torch.cat(trainer._epoch_batches(600, 50))
    assert len(few[few >= 600]) == 200
    assert len(few.unique()) == 650


def small_run(data: Path, output: Path, *options: str) -> dict[str, Any]:
    recipe = ["--hidden-size=8", "--batch-size=1000", "--epochs=1", "--device=cpu", *options]
    main([*recipe, "--data", str(data), "--output", str(output)])
    return load_report(output)


@pytest.fixture
def data(tmp_path: Path, mnist_root: Path) -> Path:
    """Return a folder with MNIST and no rendered digits."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "MNIST").symlink_to(mnist_root.resolve() / "MNIST")
    return folder


def test_no_recipe_renders_unless_told(data: Path, tmp_path: Path) -> None:
    assert {recipe.rendered_share for recipe in RECIPES.values()} == {0}
    report = small_run(data, tmp_path / "net.pt")
    assert report["arguments"]["rendered_share"] == 0
    assert "rendered" not in report
    assert [path.name for path in data.iterdir()] == ["MNIST"]


def test_the_option_trains_on_them_and_reports_those_held_out(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "load_rendered", partial(load_rendered, counts=FEW))
    report = small_run(data, tmp_path / "net.pt", "--rendered-share=0.25")
    assert report["arguments"]["rendered_share"] == 0.25
    assert report["rendered"]["total"] == FEW.held_out
    assert 0 <= report["rendered"]["calibration_error"] <= 1
    assert report["test"]["total"] == 10_000
    assert [path.stem for path in (data / "rendered").iterdir()] == [fingerprint(FEW)]


@pytest.mark.parametrize("share", ["1", "-0.1", "some"])
def test_a_share_out_of_range_is_named(share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([f"--rendered-share={share}"])
    assert "--rendered-share" in capsys.readouterr().err
