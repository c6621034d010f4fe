"""The ledger: written before the call, safe with several processes, honest after a crash."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3

import pytest

from sagewizard.engine.ledger import Ledger, teardown_order
from sagewizard.errors import SageWizardError

FIELDS = {"run_id": "r1", "target": "sandbox", "account": "1", "region": "us-east-1", "now": 1.0}


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "deep" / "ledger.db")


def test_asking_an_empty_ledger_creates_nothing(ledger):
    assert ledger.alive() == []
    assert not ledger.path.parent.exists()


def test_an_intent_is_alive_until_it_is_closed(ledger):
    entry = ledger.intend(kind="endpoint", name="e", hourly_usd=0.2, **FIELDS)
    assert entry.created is None
    assert entry.billable
    ledger.created(entry.id, arn="arn", now=2.0)
    (found,) = ledger.alive(run_id="r1")
    assert (found.created, found.arn) == (2.0, "arn")
    ledger.deleted(entry.id, now=3.0, note="deleted")
    assert ledger.alive() == []
    assert ledger.of_run("r1")[0].note == "deleted"


def test_the_same_resource_has_one_open_row(ledger):
    first = ledger.intend(kind="model", name="m", **FIELDS)
    assert ledger.intend(kind="model", name="m", **FIELDS) == first
    ledger.deleted(first.id, now=2.0)
    assert ledger.intend(kind="model", name="m", **FIELDS).id != first.id


def test_what_depends_on_something_goes_first(ledger):
    for kind in ("model", "s3-prefix", "endpoint-config", "endpoint", "training-job"):
        ledger.intend(kind=kind, name=kind, **FIELDS)
    order = [entry.kind for entry in teardown_order(ledger.alive())]
    assert order == ["training-job", "endpoint", "endpoint-config", "model", "s3-prefix"]


def _write(path, start, count):
    ledger = Ledger(path)
    start.wait()
    for number in range(count):
        entry = ledger.intend(kind="model", name=f"{os.getpid()}-{number}", **FIELDS)
        ledger.created(entry.id, arn="a", now=2.0)


def test_several_processes_write_at_once_and_lose_nothing(ledger):
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    workers = [context.Process(target=_write, args=(ledger.path, start, 25)) for _ in range(3)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(ledger.alive()) == 75


def _intend_and_die(path):
    Ledger(path).intend(kind="endpoint", name="e", **FIELDS)
    os.kill(os.getpid(), signal.SIGKILL)


def test_an_intent_survives_a_kill(ledger):
    context = multiprocessing.get_context("spawn")
    worker = context.Process(target=_intend_and_die, args=(ledger.path,))
    worker.start()
    worker.join(60)
    assert worker.exitcode == -signal.SIGKILL
    assert [entry.name for entry in ledger.alive()] == ["e"]


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look at" * 20])
def test_a_foreign_file_is_an_error_with_a_remedy(ledger, content):
    ledger.path.parent.mkdir(parents=True)
    ledger.path.write_bytes(content)
    with pytest.raises(SageWizardError) as caught:
        ledger.alive()
    assert caught.value.remedy


def test_a_ledger_of_a_newer_version_is_left_alone(ledger):
    ledger.intend(kind="model", name="m", **FIELDS)
    connection = sqlite3.connect(ledger.path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(SageWizardError, match="newer"):
        Ledger(ledger.path).alive()
