"""The image is built with the torch that requirements/ pins."""

from __future__ import annotations

import re

from tests.containers.conftest import pinned_torch, torch_download


def test_the_wheel_that_is_asked_for_is_the_one_that_is_pinned(root):
    serve_txt = (root / "requirements/serve.txt").read_text()
    locked = re.findall(r"^torch==(\S+) ; python_full_version >= '3\.11'", serve_txt, re.MULTILINE)
    assert [pinned_torch(root / "requirements/serve.in")] == [f"torch=={version}" for version in locked]
    assert torch_download(root)[-1] == f"torch=={locked[0]}"
