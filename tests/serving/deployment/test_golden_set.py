"""The golden set's file and its model.yaml decide how many predictions must be right."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from model import config
from serving.deployment.golden_set import GoldenError, GoldenSet

SEVEN = [0.0] * 7 + [1.0, 0.0, 0.0]


class StandIn:
    """Answers each input with `prediction`, and keeps the inputs."""

    def __init__(self, prediction):
        self.prediction, self.inputs = prediction, []

    def predict(self, _model, data, _version):
        self.inputs.append(data)
        return self.prediction


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Return a function that writes a model's golden set to a folder of its own, and returns it."""

    def golden(model, inputs, labels, **changes):
        (tmp_path / model.name).mkdir()
        np.savez(tmp_path / model.name / model.golden_set.file, inputs=inputs, labels=labels)
        monkeypatch.setattr(config, "FOLDER", tmp_path)
        return GoldenSet(
            msgspec.structs.replace(model, golden_set=msgspec.structs.replace(model.golden_set, **changes))
        )

    return golden


@pytest.fixture
def golden(write):
    """Return a golden set of MNIST with 50 sevens and 50 ones."""
    labels = np.repeat(np.array([7, 1], np.uint8), 50)
    return write(config.load("mnist"), np.zeros((100, 28, 28), np.uint8), labels)


def predicted(digit, probabilities=SEVEN):
    return {"digit": digit, "confidence": max(probabilities, default=0), "probabilities": probabilities}


@pytest.mark.parametrize(("name", "thresholds"), [("mnist", (200, 194, 2)), ("xor", (4, 4, 0))])
def test_the_projects_sets_ask_for_what_their_model_yaml_says(name, thresholds):
    golden = GoldenSet(config.load(name))
    assert (len(golden), golden.min_correct, golden.max_regression) == thresholds


def test_another_number_of_inputs_gives_another_threshold_and_sentence(golden):
    assert (len(golden), golden.min_correct, golden.max_regression) == (100, 97, 1)
    assert golden.describe(98) == "98 of 100 golden inputs right"
    golden.check("2.0", 97, 98)
    with pytest.raises(GoldenError, match=r"^2\.0 predicts 96 of 100 golden inputs right, fewer than 97$"):
        golden.check("2.0", 96, None)
    sentence = r"^2\.0 predicts 97 of 100 golden inputs right, and the version before it 99$"
    with pytest.raises(GoldenError, match=sentence):
        golden.check("2.0", 97, 99)


def test_right_predictions_are_counted(golden):
    assert golden.count_correct(StandIn(predicted(7)), "2.0") == 50


@pytest.mark.parametrize("probabilities", [[0.1] * 9, [0.2] * 10, [0.5, 0.5], [], [float("nan")] * 10])
def test_invalid_probabilities_are_an_error(golden, probabilities):
    sentence = r"^2\.0 returned invalid (probabilities|confidence) for a golden input with the label 7$"
    with pytest.raises(GoldenError, match=sentence):
        golden.count_correct(StandIn(predicted(7, probabilities)), "2.0")


def test_a_prediction_without_one_of_the_outputs_is_an_error(golden):
    with pytest.raises(GoldenError, match="returned invalid digit"):
        golden.count_correct(StandIn({"confidence": 1.0, "probabilities": SEVEN}), "2.0")


def test_pixels_of_a_model_that_takes_files_are_sent_as_an_image(golden):
    client = StandIn(predicted(7))
    golden.count_correct(client, "2.0")
    assert client.inputs[0].size == (28, 28)


@pytest.mark.parametrize("shape", [(3, 8, 6), (8, 6, 3)])
def test_colour_images_may_have_their_channels_first(write, shape):
    model = config.load("mnist")
    inputs = msgspec.structs.replace(model.input, shape=shape)
    colour = write(msgspec.structs.replace(model, input=inputs), np.zeros((2, *shape), np.uint8), np.array([7, 7]))
    client = StandIn(predicted(7))
    assert colour.count_correct(client, "2.0") == 2
    assert (client.inputs[0].mode, client.inputs[0].size) == ("RGB", (6, 8))


def test_numbers_are_sent_as_numbers_and_a_regression_may_be_off_by_its_tolerance(write):
    model = config.load("xor")
    regression = msgspec.structs.replace(model, labels=(), label_output="")
    inputs, labels = np.array([[0, 1], [1, 1]], np.uint8), np.array([0.5, 1.0])
    golden = write(regression, inputs, labels, output="probability", tolerance=0.25)
    client = StandIn({"output": 1, "probability": 0.75})
    assert golden.count_correct(client, "2.0") == 2
    assert client.inputs == [[0, 1], [1, 1]]
    client = StandIn({"output": 1, "probability": 0.9})
    assert golden.count_correct(client, "2.0") == 1


def test_an_output_of_names_is_compared_with_the_names_of_the_labels(write):
    model = config.load("xor")
    outputs = {**model.outputs, "name": config.Output("BYTES")}
    named = msgspec.structs.replace(
        model, labels=("off", "on"), outputs=outputs, protocols=config.Protocols(v1=("name", "probability"))
    )
    golden = write(named, np.array([[0, 1], [1, 1]], np.uint8), np.array([1, 0]))
    assert golden.count_correct(StandIn({"name": "on", "probability": 0.9}), "2.0") == 1


def test_a_model_that_answers_nothing_to_compare_is_an_error():
    model = config.load("xor")
    with pytest.raises(GoldenError, match=r"model\.yaml: protocols\.v1 lacks output, which golden_set compares"):
        GoldenSet(msgspec.structs.replace(model, protocols=config.Protocols(v1=("probability",))))
