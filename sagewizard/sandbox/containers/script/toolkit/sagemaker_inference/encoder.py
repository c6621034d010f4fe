"""Arrays to bodies."""

from __future__ import annotations

from sagemaker_containers.beta.framework.encoders import encode  # type: ignore[import-not-found]

__all__ = ["encode"]
