"""The ledger: written before the call, safe with several processes, honest after a crash."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys

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


def test_who_reads_waits_for_no_writer(ledger):
    ledger.intend(kind="endpoint", name="e", **FIELDS)
    writer = sqlite3.connect(ledger.path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert [entry.name for entry in Ledger(ledger.path).alive()] == ["e"]
    finally:
        writer.close()


def test_what_depends_on_something_goes_first(ledger):
    for kind in ("model", "s3-prefix", "endpoint-config", "endpoint", "training-job"):
        ledger.intend(kind=kind, name=kind, **FIELDS)
    order = [entry.kind for entry in teardown_order(ledger.alive())]
    assert order == ["training-job", "endpoint", "endpoint-config", "model", "s3-prefix"]


WRITER = """
import os, sys
from pathlib import Path
from sagewizard.engine.ledger import Ledger
ledger = Ledger(Path(sys.argv[1]))
sys.stdin.readline()
for number in range(25):
    entry = ledger.intend(kind="model", name=f"{os.getpid()}-{number}", run_id="r1", target="sandbox",
                          account="1", region="us-east-1", now=1.0)
    ledger.created(entry.id, arn="a", now=2.0)
"""


def test_several_processes_write_at_once_and_lose_nothing(ledger):
    workers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(ledger.path)], stdin=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    found = ledger.alive()
    assert len(found) == 75
    assert all(entry.created == 2.0 for entry in found)


def test_an_intent_survives_a_kill(ledger):
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom sagewizard.engine.ledger import Ledger\n"
        "Ledger(Path(sys.argv[1])).intend(kind='endpoint', name='e', run_id='r',"
        " target='sandbox', account='1',"
        " region='us-east-1', now=1.0)\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(ledger.path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
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
