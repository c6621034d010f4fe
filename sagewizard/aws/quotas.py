"""Owns the account's quotas: how many instances of a type it may use at a time, as Service Quotas says."""

from __future__ import annotations

import re
import threading
from typing import TYPE_CHECKING, Any, Final

from sagewizard.boto_errors import translate

if TYPE_CHECKING:
    from collections.abc import Callable

_NAME: Final = re.compile(
    r"(?P<type>ml\.[a-z0-9.-]+) for "
    r"(?P<use>(?:spot )?training job|endpoint|transform job|processing job) usage"
)
_USES: Final = {
    "training job": "Training",
    "spot training job": "SpotTraining",
    "endpoint": "Hosting",
    "transform job": "BatchTransform",
    "processing job": "Processing",
}
_MOST_PAGES: Final = 100


class ServiceQuotas:
    """Reads all SageMaker quotas at the first question; the account's own values before AWS's defaults.

    `make_client` returns a boto3 `service-quotas` client. When it may not be asked, every limit is None and
    `problem` says why. Safe from any thread.
    """

    def __init__(self, make_client: Callable[[], Any]) -> None:
        self._make_client = make_client
        self._lock = threading.Lock()
        self._limits: dict[tuple[str, str], int] | None = None
        self.problem = ""

    def limit(self, instance_type: str, use: str) -> int | None:
        """Return the most instances for a use (Training, Hosting, ...); None when nobody says."""
        with self._lock:
            if self._limits is None:
                self._limits = {}
                try:
                    client = self._make_client()
                    self._limits = self._read(client, "list_aws_default_service_quotas")
                    self._limits |= self._read(client, "list_service_quotas")
                except Exception as error:
                    # A quota that cannot be read stops nothing: SageMaker itself will say.
                    self._limits = {}
                    self.problem = translate(error, doing="read the quotas").message
            return self._limits.get((instance_type, use))

    def _read(self, client: Any, operation: str) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        request: dict[str, Any] = {"ServiceCode": "sagemaker", "MaxResults": 100}
        for _page in range(_MOST_PAGES):
            answer = getattr(client, operation)(**request)
            for quota in answer.get("Quotas", []):
                named = _NAME.fullmatch(str(quota.get("QuotaName", "")))
                if named and quota.get("Value") is not None:
                    found[named["type"], _USES[named["use"]]] = int(quota["Value"])
            if not answer.get("NextToken"):
                break
            request["NextToken"] = answer["NextToken"]
        return found
