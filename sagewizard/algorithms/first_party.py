"""What the catalogue entries of the first-party images share: accounts, tags, formats and instance types."""

from __future__ import annotations

from typing import Any

from sagewizard.algorithms.images import FIRST_PARTY_ACCOUNTS
from sagewizard.algorithms.schema import Algorithm, ImageSource, InstanceTypes

_CSV, _JSON = "text/csv", "application/json"
_JSONLINES, _RECORDIO = "application/jsonlines", "application/x-recordio-protobuf"


def first_party(name: str, **more: Any) -> Algorithm:
    """Return the entry of an algorithm whose image is of its own name; `more` is what is its own."""
    return Algorithm(
        name=name,
        image=ImageSource(name, FIRST_PARTY_ACCOUNTS, {"1": "1", "latest": "latest"}, "1"),
        inference_content_types=(_CSV, _JSON, _JSONLINES, _RECORDIO),
        inference_accepts=(_JSON, _JSONLINES, _RECORDIO, _CSV),
        instance_types=InstanceTypes(
            training="ml.c4.xlarge", hosting="ml.m4.xlarge", transform="ml.m4.xlarge"
        ),
        input_modes=("File", "Pipe"),
        **more,
    )
