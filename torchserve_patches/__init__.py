"""Every change that this project makes to TorchServe 0.12.0, and nothing else. docs/torchserve-patches.md lists them.

TorchServe is archived, so nothing will be fixed there and nothing can change under these patches. Each patch applies to
version 0.12.0 only. Any other version runs unpatched and gives the same responses, except where TorchServe is at fault.
"""

TORCHSERVE_VERSION = "0.12.0"
