"""A stranger's client gets through the gateway, as docs/clients.md says."""

from __future__ import annotations

import pytest
from tritonclient.http import InferenceServerClient, InferInput

pytestmark = pytest.mark.container


def test_tritonclient_gets_through(service, test_images):
    image = InferInput("image", [1, 28, 28], "UINT8")
    image.set_data_from_numpy(test_images[:1], binary_data=False)
    with InferenceServerClient(f"127.0.0.1:{service.port}") as triton:
        assert triton.infer("mnist", [image]).as_numpy("digit").tolist() == [7]
