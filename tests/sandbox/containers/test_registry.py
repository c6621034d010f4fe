"""From an image URI to the program behind it."""

from __future__ import annotations

from importlib import import_module

import pytest

from sagewizard import algorithms
from sagewizard.sandbox.containers.registry import resolve


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-3", "cn-north-1"])
def test_a_built_in_image_of_any_region_has_its_program(region: str) -> None:
    container = resolve(algorithms.image_uri("linear-learner", region))
    assert (container.name, container.version) == ("linear-learner", "1")
    for entry in (container.train, container.serve):
        module, function = entry.split(":")
        assert callable(getattr(import_module(module), function))
    assert container.metric_definitions == algorithms.get("linear-learner").metric_definitions


@pytest.mark.parametrize(
    "uri",
    [
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:2",
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/ntm:1",
        "nonsense",
    ],
)
def test_any_other_image_is_named_together_with_what_there_is(uri: str) -> None:
    with pytest.raises(LookupError) as caught:
        resolve(uri)
    assert uri in str(caught.value) and "linear-learner" in str(caught.value).replace(uri, "")
