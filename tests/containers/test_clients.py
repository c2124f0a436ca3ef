"""A stranger's client gets through the gateway, as docs/clients.md says."""

from __future__ import annotations

import pytest
from tritonclient.http import InferenceServerClient, InferInput

pytestmark = pytest.mark.container


@pytest.mark.parametrize("is_binary", [False, True])
def test_tritonclient_gets_through(service, test_images, is_binary):
    image = InferInput("image", [1, 28, 28], "UINT8")
    image.set_data_from_numpy(test_images[:1], binary_data=is_binary)
    with InferenceServerClient(f"127.0.0.1:{service.port}") as triton:
        assert triton.infer("mnist", [image]).as_numpy("digit").tolist() == [7]
