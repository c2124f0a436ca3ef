"""docs/own-model.md explains every key of a model.yaml."""

from __future__ import annotations

import re

import msgspec
import pytest

from model import config
from tests.support.documents import read

SECTIONS = (
    config.ModelConfig,
    config.Input,
    config.Output,
    config.Protocols,
    config.Explanation,
    config.Sample,
    config.Golden,
    config.Metrics,
    config.Training,
)


@pytest.mark.parametrize("document", ["docs/own-model.md", "docs/own-model.ko.md"])
def test_every_key_is_in_the_table(document):
    table = read(document).partition("\n## model.yaml\n")[2].partition("\n## ")[0]
    for section in SECTIONS:
        for field in msgspec.structs.fields(section):
            assert re.search(rf"`(?:\w+\.)?{field.encode_name}(?:\.\w+)?`", table), field.name
