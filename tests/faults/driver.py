"""Runs one recipe under one plan of faults against a real sandbox, and checks what must hold afterwards."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sagewizard import errors
from sagewizard import events as ev
from sagewizard.engine import Engine, inventory
from sagewizard.recipe import finding
from sagewizard.sandbox import launcher
from sagewizard.targets import open_target

if TYPE_CHECKING:
    from sagewizard.recipe.recipe import Recipe
    from sagewizard.settings import Settings

PLANS = Path(__file__).with_name("plans")
FINISHED, FAILED, EITHER = "finished", "failed", "finished or failed"
# How a run ends under each plan, and what its message says when it fails.
ENDS: dict[str, tuple[str, str]] = {
    "throttled-everything": (EITHER, "asks to slow down"),
    "throttled-creates": (EITHER, "asks to slow down"),
    "throttled-without-end": (FAILED, "asks to slow down, after several tries .*CreateEndpoint"),
    "server-faults": (EITHER, "problem of its own"),
    "server-fault-burst": (FINISHED, ""),
    "s3-slows-down": (EITHER, "asks to slow down|reduce your request rate"),
    "uploads-dropped": (EITHER, "[Cc]onnection"),
    "creates-dropped": (EITHER, "[Cc]onnection"),
    "answers-lost": (EITHER, "[Cc]onnection"),
    "answer-lost-then-expired": (FAILED, "credentials have expired"),
    "answer-lost-then-throttled": (FAILED, "asks to slow down"),
    "token-expires": (FAILED, "credentials have expired"),
    "token-expires-while-training": (FAILED, "credentials have expired"),
    "slow": (FINISHED, ""),
    "training-fails": (FAILED, "training job .* failed: AlgorithmError: the container ended"),
    "transform-fails": (FAILED, "transform job .* failed: ClientError: the input has a row"),
    "endpoint-fails": (FAILED, "endpoint .* could not start: .*ping health check"),
    "no-capacity-for-training": (FAILED, "capacity"),
    "no-capacity-for-endpoint": (FAILED, "capacity"),
    "quotas-of-zero": (FAILED, "limit 'ml.*for training job usage' is 0"),
    "quotas-of-zero-for-endpoints": (FAILED, "limit 'ml.*for endpoint usage' is 0"),
    "training-stopped-in-the-console": (EITHER, "training job .* was stopped"),
    "transform-stopped-in-the-console": (EITHER, "transform job .* was stopped"),
    "endpoint-deleted-at-the-first-request": (FAILED, "endpoint .*deleted"),
    "endpoint-deleted-between-requests": (EITHER, "endpoint .*deleted"),
    "not-found-at-first": (FINISHED, ""),
    "deleting-is-refused-for-a-while": (FAILED, "Not everything could be deleted|could not be deleted"),
    "model-is-denied": (FAILED, "no permission for sagemaker:CreateModel"),
}
# So that a run takes a few seconds: what is learnt does not matter here.
SMALL = {
    "linear-learner": {"train.epochs": "1"},
    "xgboost": {"train.num_round": "2"},
    "kmeans": {"train.epochs": "1"},
    "sklearn": {"train.trees": "2"},
}
# What no message for a person holds: the inside of a program.
INSIDE = re.compile(
    r"Traceback|fault of its own: |botocore|HTTPConnectionPool|Errno|object at 0x|"
    r"^[A-Za-z]+(Error|Exception)\b|An error occurred \("
)


class QuickClock:
    """A clock that waits a hundredth of a second at most, and says that all of it has passed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ahead = 0.0

    def now(self) -> float:
        return time.time() + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def wait(self, cancel: threading.Event, seconds: float) -> bool:
        short = min(seconds, 0.01)
        stopped = cancel.wait(short)
        with self._lock:
            self._ahead += seconds - short
        return stopped


@dataclass
class World:
    """A home with its sandbox."""

    settings: Settings
    clock: QuickClock = field(default_factory=QuickClock)

    def engine(self) -> Engine:
        return Engine(open_target("sandbox", self.settings), settings=self.settings, clock=self.clock)

    def follow(self, plan: str | None) -> None:
        text = None if plan is None else (PLANS / f"{plan}.yaml").read_bytes()
        launcher.set_faults(self.settings, text)

    def recipe(self, name: str, own: Path | None = None) -> Recipe:
        recipe = finding.load(name)
        if name == "own-csv":
            recipe = recipe.with_settings({"dataset.path": str(own)})
        if name == "mnist-linear-learner":
            recipe = recipe.with_settings({"predict.requests": "2"})
        return recipe.with_settings(SMALL[recipe.algorithm.name])


def plans() -> list[str]:
    return sorted(path.stem for path in PLANS.glob("*.yaml"))


def check(world: World, recipe: Recipe, plan: str) -> ev.Event:
    """Run under a plan; check the end, that ledger and target agree, and that a teardown leaves nothing."""
    engine = world.engine()
    world.follow(plan)
    try:
        end = list(engine.run(recipe))[-1]
    finally:
        world.follow(None)
    check_end(end, *ENDS[plan])
    check_agreement(engine, end.run_id)
    tear_down(engine, end.run_id)
    return end


def check_end(end: ev.Event, how: str, words: str) -> None:
    """Check that a run has ended as it may, and that a failure says what happened and what to do."""
    assert isinstance(end, ev.RunFinished | ev.RunFailed), end
    if isinstance(end, ev.RunFinished):
        assert how != FAILED, end
        assert end.exit_code == 0
        assert not end.alive
        return
    told = f"{end.error} at {end.step}: {end.message}\n  {end.remedy}"
    assert how != FINISHED, told
    assert end.exit_code == getattr(errors, end.error).exit_code, told
    assert not INSIDE.search(end.message), told
    assert not INSIDE.search(end.remedy), told
    assert len(end.remedy) > 15, told
    assert re.search(words, end.message), told


def there(engine: Engine, run_id: str) -> set[tuple[str, str]]:
    """Return what the target lists of a run: (kind, name); jobs only while they run."""
    client = engine.target.client("sagemaker")
    found = set()
    for kind, call, listed, name in (
        ("endpoint", client.list_endpoints, "Endpoints", "EndpointName"),
        ("endpoint-config", client.list_endpoint_configs, "EndpointConfigs", "EndpointConfigName"),
        ("model", client.list_models, "Models", "ModelName"),
    ):
        found |= {
            (kind, item[name]) for item in call(NameContains=run_id)[listed]
            if item.get("EndpointStatus") != "Deleting"
        }  # fmt: skip
    for kind, call, listed, name in (
        ("training-job", client.list_training_jobs, "TrainingJobSummaries", "TrainingJobName"),
        ("transform-job", client.list_transform_jobs, "TransformJobSummaries", "TransformJobName"),
    ):
        for status in ("InProgress", "Stopping"):
            found |= {(kind, item[name]) for item in call(NameContains=run_id, StatusEquals=status)[listed]}
    return found


def alive(engine: Engine, run_id: str) -> set[tuple[str, str]]:
    """Return what the ledger has of a run, kept data left out."""
    return {
        (entry.kind, entry.name) for entry in engine.ledger.alive(run_id=run_id) if entry.kind != "s3-prefix"
    }


def check_agreement(engine: Engine, run_id: str) -> None:
    """Check that nothing is there without its row, and that asking for each row makes both the same."""
    deadline = time.monotonic() + 60
    before = there(engine, run_id)
    assert before <= alive(engine, run_id), (before, alive(engine, run_id))
    while True:
        # As `sagewizard resources` does it; an intent that is not there is closed when it is old enough.
        engine.clock.wait(threading.Event(), inventory.YOUNG_SECONDS + 1)
        inventory.check(engine, engine.ledger.alive(run_id=run_id))
        ledger, target = alive(engine, run_id), there(engine, run_id)
        if ledger == target:
            return
        # A job may end between the two looks.
        assert time.monotonic() < deadline, (ledger, target)


def tear_down(engine: Engine, run_id: str) -> None:
    """Delete all of a run, its data as well, and check that nothing is left."""
    outcome = inventory.delete(engine, engine.ledger.alive(run_id=run_id), cancel=threading.Event())
    assert not outcome.failed, outcome.failed
    assert not outcome.busy
    check_nothing(engine, run_id)


def check_nothing(engine: Engine, run_id: str) -> None:
    """Check that neither the ledger nor the target has anything of a run, objects and uploads included."""
    assert not engine.ledger.alive(run_id=run_id)
    assert not there(engine, run_id)
    s3, bucket = engine.target.client("s3"), engine.target.bucket
    assert not s3.list_objects_v2(Bucket=bucket, Prefix=f"sagewizard/{run_id}/")["KeyCount"]
    uploads = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    assert not [upload for upload in uploads if run_id in upload["Key"]]
