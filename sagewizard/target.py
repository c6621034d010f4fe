"""What the engine knows of the place it works against: a `Target`, and nothing of what stands behind it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Price:
    """A price per hour in USD, and where it comes from, e.g. `table of 2026-11-20` or `Price List API`."""

    usd_per_hour: float
    source: str


_TRIED_BY_THE_ENGINE = frozenset({"sagemaker", "sagemaker-runtime", "logs"})


class PriceList(Protocol):
    """Tells what an instance costs an hour."""

    def hourly(self, region: str, instance_type: str, component: str) -> Price | None:
        """Price of one instance; component is Training, Hosting, Processing, BatchTransform or Notebook."""
        ...


class QuotaList(Protocol):
    """Tells how many instances of a type an account may use at a time."""

    def limit(self, instance_type: str, use: str) -> int | None:
        """Most instances for a use (Training, SpotTraining, Hosting, BatchTransform); None when not known."""
        ...


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key; `repr` never shows the secret parts."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass
class Target:
    """Endpoint, credentials, region, role, bucket and prices: all that tells one target from another.

    `simulated` says that nothing here is billed, so costs are shown as what AWS would charge.
    `poll_seconds` is how long to wait between two looks at a job.
    `owner` is who asks, as the tag `sagewizard:owner` names it; `quotas` is None where there are none.
    """

    name: str
    region: str
    account_id: str
    role_arn: str
    bucket: str
    prices: PriceList
    simulated: bool
    poll_seconds: float
    endpoint_url: str | None = None
    credentials: Credentials | None = field(default=None, repr=False)
    profile: str | None = None
    owner: str = ""
    quotas: QuotaList | None = None
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _session: Any = field(default=None, repr=False)

    def client(self, service: str) -> Any:
        """Return the boto3 client of a service, made once; importing boto3 happens here (0.12 s)."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def _make(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        if self._session is None:
            keys = self.credentials
            self._session = boto3.session.Session(
                aws_access_key_id=keys.access_key if keys else None,
                aws_secret_access_key=keys.secret_key if keys else None,
                aws_session_token=keys.session_token if keys else None,
                region_name=self.region,
                profile_name=self.profile,
            )
        # The engine tries again itself, and says so; a transfer of many parts must not begin again for one.
        attempts = 1 if service in _TRIED_BY_THE_ENGINE else 4
        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=10,
            read_timeout=75,
            max_pool_connections=16,
            # A proxy meant for the internet must not stand between us and a server on this machine.
            proxies={} if self.endpoint_url else None,
        )
        return self._session.client(service, endpoint_url=self.endpoint_url, config=config)
