"""Fixtures of the sandbox's tests: a gateway in this process, and a real server on a home of its own."""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from sagewizard.sandbox import launcher
from sagewizard.sandbox.server import Sandbox
from sagewizard.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sagewizard.target import Credentials

_NUMBERS = itertools.count(1)


@dataclass
class Clients:
    """Makes boto3 clients of one sandbox, without retries, and closes them at the end."""

    url: str
    credentials: Credentials
    made: list[Any] = field(default_factory=list)

    def __call__(self, service: str, region: str = "us-east-1", **options: Any) -> Any:
        import boto3
        from botocore.config import Config

        options.setdefault("aws_access_key_id", self.credentials.access_key)
        options.setdefault("aws_secret_access_key", self.credentials.secret_key)
        settings: dict[str, Any] = {"retries": {"max_attempts": 1, "mode": "standard"}, "proxies": {}}
        settings |= options.pop("config", {})
        session = boto3.session.Session(region_name=region)
        client = session.client(
            service, endpoint_url=options.pop("endpoint_url", self.url), config=Config(**settings), **options
        )
        self.made.append(client)
        return client

    def close(self) -> None:
        for client in self.made:
            client.close()


@pytest.fixture(autouse=True)
def no_account_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the person's environment says of AWS out of every test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)


@pytest.fixture(scope="session")
def moto_imported() -> None:
    """Import moto here first: its imports warn, and inside the server's threads a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import_module("moto.moto_server.werkzeug_app")
        for service in ("awslambda", "cloudwatch", "ecr", "iam", "logs", "s3", "sts"):
            import_module(f"moto.{service}.models")
            import_module(f"moto.{service}.responses")


@pytest.fixture(scope="module")
def sandbox(moto_imported: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A gateway with its stores and moto in this process, without SageMaker."""
    made = Sandbox(tmp_path_factory.mktemp("sandbox"), sagemaker=lambda _: None)
    made.start()
    yield made
    made.close()


@pytest.fixture(scope="module")
def clients(sandbox: Sandbox) -> Iterator[Clients]:
    """Boto3 clients of the gateway in this process."""
    made = Clients(sandbox.services.endpoint_url, sandbox.services.credentials)
    yield made
    made.close()


@pytest.fixture(scope="session")
def clients_of() -> type[Clients]:
    """Make boto3 clients of any sandbox: `clients_of(url, credentials)`; close them at the end."""
    return Clients


@pytest.fixture(scope="module")
def s3(clients: Clients) -> Any:
    """An S3 client of the gateway in this process."""
    return clients("s3")


@pytest.fixture
def bucket(s3: Any) -> str:
    """An empty bucket of the test's own."""
    name = f"bucket-{next(_NUMBERS)}"
    s3.create_bucket(Bucket=name)
    return name


@dataclass
class Home:
    """A home folder with a real server process, started on demand."""

    settings: Settings
    opened: list[Clients] = field(default_factory=list)

    def start(self, **options: Any) -> Clients:
        address = launcher.ensure(self.settings, **options)
        self.opened.append(Clients(address.url, address.credentials))
        return self.opened[-1]

    def close(self) -> None:
        for clients in self.opened:
            clients.close()
        launcher.stop(self.settings, force=True)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of the test's own; its server is stopped at the end."""
    made = Home(Settings(home=tmp_path / "home", data=None))
    yield made
    made.close()


@pytest.fixture
def python() -> str:
    """The interpreter that runs the tests."""
    return sys.executable
