"""Kills a client of the sandbox with SIGKILL at seeded moments of its run, many times over, and tears down.

`python killing.py KILLS SEED RECIPE...`, with SAGEWIZARD_HOME set to a home whose sandbox runs, prints one
line of JSON: kills, how many around a creating call, runs resumed, and what was left after each teardown.

Each client is a child of this process that has everything imported already, runs the command line's own
`main`, and counts moments: each call before it is sent and after its answer, each row of the ledger and each
line of the journal before and after it is written. At its own moment it kills itself. Around creating calls
a timer of some milliseconds kills it while the call is on its way, too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import boto3  # what a client loads is loaded once, here
import numpy  # noqa: F401
import pandas  # noqa: F401
import sklearn.datasets
import sklearn.metrics
import sklearn.model_selection  # noqa: F401
from botocore.endpoint import Endpoint
from botocore.loaders import JSONFileLoader

from sagewizard import cli
from sagewizard import settings as settings_module
from sagewizard.engine import Engine, ledger, teardown
from sagewizard.engine import state as states
from sagewizard.engine.journal import JournalWriter
from sagewizard.targets import open_target

SMALL = ("--set", "train.epochs=1")
BATCH, AT_ONCE = 20, 3
# Of the moments of a whole run, the last few are left out: how often a job is looked at differs.
SHARE = 0.9


@dataclass(frozen=True)
class Moment:
    """The number of a moment, among those around creating calls or among all; `delay` in s after it."""

    creating: bool
    number: int
    delay: float = 0.0


class Counter:
    """Counts the moments of this process, and ends it at one."""

    def __init__(self, moment: Moment | None) -> None:
        self.moment = moment
        self.all = self.creating = 0
        self._lock = threading.Lock()

    def tick(self, creating: bool = False) -> None:
        with self._lock:
            self.all += 1
            self.creating += creating
            wanted = self.moment
            if wanted is None or (wanted.creating and not creating):
                return
            if (self.creating if wanted.creating else self.all) != wanted.number:
                return
            if not wanted.delay:
                os.kill(os.getpid(), signal.SIGKILL)
        timer = threading.Timer(wanted.delay, os.kill, (os.getpid(), signal.SIGKILL))
        timer.daemon = True
        timer.start()

    def install(self) -> None:
        send = Endpoint._send

        def sending(endpoint, request):
            target = request.headers.get("X-Amz-Target", "")
            creating = b".Create" in (target if isinstance(target, bytes) else str(target).encode())
            self.tick(creating)
            answer = send(endpoint, request)
            self.tick(creating)
            return answer

        Endpoint._send = sending
        for kind, names in ((ledger.Ledger, ("intend", "created", "deleted")), (JournalWriter, ("append",))):
            for name in names:
                setattr(kind, name, self._around(getattr(kind, name), kind is ledger.Ledger))

    def _around(self, method, creating):
        def wrapped(*arguments, **named):
            self.tick(creating)
            answer = method(*arguments, **named)
            self.tick(creating)
            return answer

        return wrapped


def warm():
    """Read the descriptions of the services once for all clients: parsing them is much of their work."""
    load, known = JSONFileLoader.load_file, {}

    def loading(loader, path):
        if path not in known:
            known[path] = load(loader, path)
        return known[path]

    JSONFileLoader.load_file = loading
    session = boto3.session.Session("key", "secret", region_name="us-east-1")
    for service in ("sagemaker", "sagemaker-runtime", "logs", "s3"):
        session.client(service)


def start(arguments, moment=None, report=None):
    """Run the command line in a child; `report` is a descriptor that gets the number of moments."""
    child = os.fork()
    if child:
        return child
    code = 70
    try:
        out = os.open(os.environ["KILLING_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, number in ((null, 0), (out, 1), (out, 2)):
            os.dup2(source, number)
        # The server is on this machine: what was sent has arrived a second later.
        teardown.SETTLING = 1.0
        counter = Counter(moment)
        counter.install()
        code = int(cli.main(list(arguments)))
        if report is not None:
            os.write(report, f"{counter.all} {counter.creating}".encode())
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def wait(child):
    """Return the exit code of a child, or minus its signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def length(recipe):
    """Run a recipe to its end and return its moments: all, and those around creating calls."""
    read, write = os.pipe()
    child = start(["run", recipe, *SMALL, "--quiet"], report=write)
    os.close(write)
    text = os.read(read, 100).decode()
    os.close(read)
    code = wait(child)
    if code or not text:
        raise SystemExit(f"the run of {recipe} ended with {code}")
    return tuple(int(number) for number in text.split())


def draw(chance, lengths):
    creating = chance.random() < 0.5
    most = max(1, int(lengths[creating] * SHARE))
    delay = chance.uniform(0.0, 0.01) if chance.random() < 0.4 else 0.0
    return Moment(creating, chance.randint(1, most), delay)


def kill_some(count, chance, lengths):
    """Kill `count` clients, some at the same time; return how many died around a creating call."""
    running, killed, creating = {}, 0, 0
    while killed < count:
        while len(running) < min(AT_ONCE, count - killed):
            recipe = chance.choice(sorted(lengths))
            moment = draw(chance, lengths[recipe])
            running[start(["run", recipe, *SMALL, "--quiet"], moment)] = moment
        child, status = os.wait()
        moment = running.pop(child)
        code = os.waitstatus_to_exitcode(status)
        if code == -signal.SIGKILL:
            killed += 1
            creating += moment.creating
        elif code:
            raise SystemExit(f"a client ended with {code} instead of being killed at {moment}")
    return creating


def left(engine):
    """List everything that the sandbox has of any run, and the rows of the ledger that are open."""
    client = engine.target.client("sagemaker")
    found = [f"ledger {entry.kind} {entry.name}" for entry in engine.ledger.alive()]
    found += [f"endpoint {e['EndpointName']}" for e in client.list_endpoints(MaxResults=100)["Endpoints"]]
    configs = client.list_endpoint_configs(MaxResults=100)["EndpointConfigs"]
    found += [f"endpoint-config {entry['EndpointConfigName']}" for entry in configs]
    found += [f"model {entry['ModelName']}" for entry in client.list_models(MaxResults=100)["Models"]]
    for status in ("InProgress", "Stopping"):
        jobs = client.list_training_jobs(StatusEquals=status)["TrainingJobSummaries"]
        found += [f"training-job {entry['TrainingJobName']}" for entry in jobs]
        jobs = client.list_transform_jobs(StatusEquals=status)["TransformJobSummaries"]
        found += [f"transform-job {entry['TransformJobName']}" for entry in jobs]
    s3 = engine.target.client("s3")
    objects = s3.list_objects_v2(Bucket=engine.target.bucket, Prefix="sagewizard/").get("Contents", [])
    return found + [f"object {entry['Key']}" for entry in objects]


def resume_one(settings, chance):
    """Resume one of the runs that were killed since the last teardown, to its end; False when none can be."""
    open_rows = {entry.run_id for entry in ledger.Ledger(settings.ledger).alive()}
    killed = [
        state.run_id
        for state in states.all_runs(settings.runs)
        if state.status == "running" and state.run_id in open_rows
    ]
    if not killed:
        return False
    code = wait(start(["runs", "resume", chance.choice(sorted(killed)), "--quiet"]))
    if code:
        raise SystemExit(f"a run that was killed was resumed and ended with {code}")
    return True


def main():
    kills, seed, recipes = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    chance = random.Random(seed)
    settings = settings_module.load()
    began = time.monotonic()
    warm()
    lengths = {recipe: length(recipe) for recipe in recipes}
    done = creating = resumed = teardowns = 0
    remains: list[str] = []
    while done < kills:
        count = min(BATCH, kills - done)
        creating += kill_some(count, chance, lengths)
        done += count
        resumed += resume_one(settings, chance)
        code = wait(start(["teardown", "--all", "--data"]))
        teardowns += 1
        child = os.fork()
        if not child:  # clients hold threads, and a process that forks must have none
            try:
                found = left(Engine(open_target("sandbox", settings), settings=settings))
                Path(os.environ["KILLING_LEFT"]).write_text(json.dumps(found))
            finally:
                os._exit(0)
        wait(child)
        found = json.loads(Path(os.environ["KILLING_LEFT"]).read_text())
        remains += found + ([f"teardown ended with {code}"] if code else [])
    print(json.dumps({
        "kills": done, "creating": creating, "resumed": resumed, "teardowns": teardowns, "left": remains,
        "moments": lengths, "seconds": round(time.monotonic() - began, 1),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
