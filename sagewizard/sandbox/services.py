"""The bundle handed to everything inside the sandbox's server, and what an application must offer."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Protocol

from sagewizard.sandbox.faults.injector import Injector

if TYPE_CHECKING:
    from pathlib import Path

    from werkzeug import Request, Response

    from sagewizard.clock import Clock
    from sagewizard.sandbox.store.database import Database
    from sagewizard.sandbox.store.logs import LogStore
    from sagewizard.sandbox.store.metrics import MetricStore
    from sagewizard.sandbox.store.objects import ObjectStore
    from sagewizard.target import Credentials

ACCOUNT_ID = "123456789012"
REGION = "us-east-1"
ROLE_NAME = "SageWizardSandboxRole"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/{ROLE_NAME}"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT_ID}"


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that each phase lasts on AWS and that nothing here would take; all 0 unless asked for.

    `Pace.real()` is the middle of what public job descriptions of 2024 show.
    """

    training_starting: float = 0.0
    training_preparing: float = 0.0
    training_downloading: float = 0.0
    training_image: float = 0.0
    training_uploading: float = 0.0
    transform_starting: float = 0.0
    endpoint_creating: float = 0.0
    endpoint_updating: float = 0.0
    endpoint_deleting: float = 0.0

    @classmethod
    def instant(cls) -> Pace:
        """Nothing is waited for."""
        return cls()

    @classmethod
    def real(cls) -> Pace:
        """AWS's own times: two minutes before a training job trains, three until an endpoint serves."""
        return cls(
            training_starting=15.0,
            training_preparing=28.0,
            training_downloading=40.0,
            training_image=40.0,
            training_uploading=15.0,
            transform_starting=240.0,
            endpoint_creating=180.0,
            endpoint_updating=180.0,
            endpoint_deleting=5.0,
        )

    def scaled(self, factor: float) -> Pace:
        """Return every phase times `factor`, for a demonstration that is faster than AWS."""
        return Pace(**{field.name: getattr(self, field.name) * factor for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Services:
    """What the parts of one server share; made once, before any part is."""

    folder: Path
    account_id: str
    region: str
    credentials: Credentials
    endpoint_url: str
    database: Database
    objects: ObjectStore
    logs: LogStore
    clock: Clock
    pace: Pace
    metrics: MetricStore
    faults: Injector = field(default_factory=Injector)


class Application(Protocol):
    """A part of the server that answers requests of one AWS service."""

    def handle(self, request: Request) -> Response:
        """Answer a request whose Host and signature were checked; never raises for what a client sent."""
        ...

    def busy(self) -> list[str]:
        """Say in words what is running and must not be cut off; empty when nothing is."""
        ...

    def recover(self) -> None:
        """Bring back what was there before the last end of the server; called once, before any request."""
        ...

    def close(self) -> None:
        """End everything this part started; called once."""
        ...
