"""SageMaker's own description of itself, as botocore ships it, loaded once (0.15 s)."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

_lock = threading.Lock()


@cache
def _load() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"))


def service_model() -> Any:
    """Return the botocore ServiceModel of SageMaker."""
    with _lock:
        return _load()


@cache
def operation_names() -> frozenset[str]:
    """Return the names of all operations that SageMaker has."""
    return frozenset(service_model().operation_names)


@cache
def input_shape(operation: str) -> Any:
    """Return the input shape of an operation, None when it takes nothing."""
    with _lock:
        return _load().operation_model(operation).input_shape
