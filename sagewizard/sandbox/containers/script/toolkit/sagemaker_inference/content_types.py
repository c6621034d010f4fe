"""Names of media types."""

from __future__ import annotations

from sagemaker_containers.beta.framework.content_types import (  # type: ignore[import-not-found]
    ANY,
    CSV,
    JSON,
    NPY,
    OCTET_STREAM,
    UTF8_TYPES,
)

__all__ = ["ANY", "CSV", "JSON", "NPY", "OCTET_STREAM", "UTF8_TYPES"]
