"""What the tests of the target aws share: one recording of every call, with the sandbox in AWS's place."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from sagewizard.engine.ledger import Ledger
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings


@pytest.fixture(scope="session")
def record_module():
    spec = importlib.util.spec_from_file_location("aws_record", Path(__file__).with_name("record.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def recorded(record_module, tmp_path_factory):
    """The recording, and for each creating call whether the ledger knew of it before."""
    settings = Settings(home=tmp_path_factory.mktemp("aws-home"), data=None)
    known: list[tuple[str, str, bool]] = []

    def watch(service, operation, params):
        if operation.startswith("Create") and service in ("sagemaker", "scheduler"):
            (name,) = [value for key, value in params.items() if key in (f"{operation[6:]}Name", "Name")]
            open_rows = {entry.name for entry in Ledger(settings.ledger).alive()}
            known.append((operation, name, name in open_rows))

    recording = record_module.Recording()
    recording.watch = watch
    try:
        yield record_module.record(settings, recording), known
    finally:
        launcher.stop(settings, force=True)
