"""Every change that this project makes to TorchServe 0.12.0, and nothing else. docs/torchserve-patches.md lists them.

TorchServe is archived: nothing will be mended there, and nothing can change under these patches. Each one applies to
version 0.12.0 only; any other version runs unpatched, with the same responses but for the faults that it has.
"""

TORCHSERVE_VERSION = "0.12.0"
