"""Digits as people send them, over HTTP: every kind of picture is read as well as it was."""

from __future__ import annotations

import json

import pytest

from training.mnist.robustness.__main__ import main
from training.mnist.robustness.out_of_distribution import NEGATIVES

pytestmark = pytest.mark.server
PICTURES_A_KIND = 20


def test_every_kind_is_read_and_far_better_than_resized(server, root, tmp_path, mnist_root):
    out = tmp_path / "wild.json"
    options = ["--weights", str(root / "weights/mnist.pt"), "--data", str(mnist_root), "--count", str(PICTURES_A_KIND)]
    main([*options, "--url", server.inference, "--json", str(out)])
    figures = json.loads(out.read_bytes())
    plain, service = figures["accuracy"].values()
    worst = min(service, key=service.get)
    assert service[worst] >= 0.85, worst  # 17 of 20: one picture is 5 %
    assert sum(service.values()) / len(service) >= 0.97
    assert sum(plain.values()) / len(plain) < 0.5
    assert figures["without_digit"].keys() == NEGATIVES.keys()
    for name in ("blank", "gradient", "noise"):
        assert figures["without_digit"][name]["refused"] == 1, name


def test_a_server_that_is_not_there_is_named(root, mnist_root, capsys):
    options = ["--weights", str(root / "weights/mnist.pt"), "--data", str(mnist_root), "--count", "1"]
    with pytest.raises(SystemExit):
        main([*options, "--url", "http://127.0.0.1:9"])
    assert "http://127.0.0.1:9 does not answer (ConnectionError): start it with `make serve`" in capsys.readouterr().err
