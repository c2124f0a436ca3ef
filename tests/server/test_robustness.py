"""The service reads digits in every corruption, over HTTP, and far better than a plain resize."""

from __future__ import annotations

import json

import pytest

from training.mnist.robustness.__main__ import main
from training.mnist.robustness.out_of_distribution import OUT_OF_DISTRIBUTION

pytestmark = pytest.mark.server
PICTURES_PER_CORRUPTION = 20


@pytest.mark.slow
def test_every_corruption_is_read_and_far_better_than_resized(server, root, tmp_path, mnist_root):
    out = tmp_path / "robustness.json"
    options = [
        "--weights",
        str(root / "weights/mnist.pt"),
        "--data",
        str(mnist_root),
        "--count",
        str(PICTURES_PER_CORRUPTION),
    ]
    main([*options, "--url", server.inference, "--json", str(out)])
    figures = json.loads(out.read_bytes())
    plain, service = figures["accuracy"].values()
    worst = min(service, key=service.get)
    assert service[worst] >= 0.85, worst  # 17 of 20: one picture is 5 %
    assert sum(service.values()) / len(service) >= 0.97
    assert sum(plain.values()) / len(plain) < 0.5
    assert figures["out_of_distribution"].keys() == OUT_OF_DISTRIBUTION.keys()
    for name in ("blank", "gradient", "noise"):
        assert figures["out_of_distribution"][name]["refused"] == 1, name


def test_a_server_that_is_not_there_is_named(root, mnist_root, capsys):
    options = ["--weights", str(root / "weights/mnist.pt"), "--data", str(mnist_root), "--count", "1"]
    with pytest.raises(SystemExit):
        main([*options, "--url", "http://127.0.0.1:9"])
    assert "http://127.0.0.1:9 does not answer (ConnectionError): start it with `make serve`" in capsys.readouterr().err
