"""config.properties keeps TorchServe on the loopback and loads nothing remote."""

from __future__ import annotations

import re

from ts.model_server import load_properties


def test_every_listener_is_on_the_loopback(root):
    settings = load_properties(str(root / "config.properties"))
    listeners = {name: value for name, value in settings.items() if name.endswith("_address")}
    assert len(listeners) == 5
    assert all("127.0.0.1" in value for value in listeners.values())


def test_no_url_is_allowed(root):
    (pattern,) = load_properties(str(root / "config.properties"))["allowed_urls"].split(",")
    for url in ("http://a/x.mar", "https://a/x.mar", "file:///a/x.mar", "s3://a/x.mar", "HTTP://none"):
        assert not re.fullmatch(pattern, url, re.IGNORECASE)


def test_archives_cannot_install_packages(root):
    assert load_properties(str(root / "config.properties"))["install_py_dep_per_model"] == "false"
