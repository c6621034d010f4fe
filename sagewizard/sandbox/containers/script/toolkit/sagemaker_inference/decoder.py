"""Bodies to arrays."""

from __future__ import annotations

from sagemaker_containers.beta.framework.encoders import decode  # type: ignore[import-not-found]

__all__ = ["decode"]
