"""The command line, most of it against the real server."""

from __future__ import annotations

import json

import pytest

from serving.cli.main import main

pytestmark = pytest.mark.server


@pytest.fixture
def tsctl(server, capsys):
    """Return a function that runs a command and returns its exit code, stdout and stderr."""

    def run_command(*arguments):
        code = main(["--inference-url", server.inference, "--management-url", server.management, *arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run_command


def test_predict_shows_the_digit_and_its_probabilities(tsctl, root, monkeypatch):
    monkeypatch.chdir(root)
    code, out, _ = tsctl("predict", "mnist", "model/mnist/samples/7.png")
    assert code == 0
    assert "model/mnist/samples/7.png: 7 (" in out
    assert "█" in out


def test_predict_json_is_json(tsctl, root):
    code, out, _ = tsctl("predict", "mnist", "--json", str(root / "model/mnist/samples/7.png"))
    assert (code, json.loads(out)["digit"]) == (0, 7)


def test_predict_shows_the_outputs_of_a_model_without_scores(tsctl, root, tmp_path):
    file = tmp_path / "two.json"
    file.write_text('{"instances": [[0, 1], [1, 1]]}')
    code, out, _ = tsctl("predict", "xor", str(root / "model/xor/sample.json"), str(file))
    assert code == 0
    assert "sample.json: 1" in out
    assert "two.json [1]: 0" in out
    assert "probability" in out


def test_predict_asks_the_version_named(tsctl, root):
    sample = str(root / "model/mnist/samples/7.png")
    assert tsctl("predict", "mnist", sample, "--version", "1.0")[0] == 0
    assert "9.9" in tsctl("predict", "mnist", sample, "--version", "9.9")[2]


def test_explain_draws_a_map(tsctl, root):
    code, out, _ = tsctl("explain", "mnist", str(root / "model/mnist/samples/7.png"))
    assert code == 0
    assert len(out.splitlines()) > 28


def test_models_lists_both(tsctl):
    code, out, _ = tsctl("models")
    assert code == 0
    assert "mnist" in out
    assert "xor" in out
    assert [model["modelName"] for model in json.loads(tsctl("models", "--json")[1])] == ["mnist", "xor"]


def test_describe_tells_the_accuracy(tsctl):
    code, out, _ = tsctl("describe", "mnist")
    assert code == 0
    assert "'accuracy': 0.9" in out


def test_describe_shows_each_property_once(tsctl):
    _, out, _ = tsctl("describe", "mnist")
    assert "customizedMetadata" not in out
    assert out.count("weights_sha256") == 1


def test_scale_changes_the_workers_of_a_model(tsctl, client):
    assert tsctl("scale", "xor", "2")[0] == 0
    assert len(client.describe("xor")["workers"]) == 2
    assert tsctl("scale", "xor", "1")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["predict", "mnist", "nowhere.png"], "error: [Errno 2] No such file or directory: 'nowhere.png'"),
        (["predict", "mnist", __file__], "error: the "),
        (["describe"], "error: the command does not say which model it is for; name one: mnist, xor\n"),
        (["describe", "nobody"], "error: Model not found: nobody"),
        (["predict", "nobody", __file__], "error: Model not found: nobody"),
        (["register", "nobody.mar"], "error: there is no "),
    ],
)
def test_what_fails_is_one_sentence_and_exit_code_1(tsctl, arguments, sentence):
    code, out, err = tsctl(*arguments)
    assert (code, out) == (1, "")
    assert err.startswith(sentence)
    assert err.count("\n") == 1
