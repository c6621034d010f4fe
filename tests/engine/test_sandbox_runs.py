"""The engine against the real sandbox."""

from __future__ import annotations

import gc
import threading

import pytest

from sagewizard import events as ev
from sagewizard.engine import Engine, journal
from sagewizard.engine.predictions import load
from sagewizard.recipe import finding
from sagewizard.settings import Settings

DIGITS = finding.load("digits-linear-learner")


@pytest.fixture
def engine(sandbox):
    target, settings = sandbox
    return Engine(target, settings=settings)


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture(scope="module")
def whole(sandbox):
    """The events of one whole run of the digits recipe."""
    target, settings = sandbox
    return list(Engine(target, settings=settings).run(DIGITS))


def test_the_digits_recipe_finds_the_zeros(whole):
    end = whole[-1]
    assert isinstance(end, ev.RunFinished)
    assert end.complete
    assert end.metrics["accuracy"] >= 0.97
    assert end.metrics["f1"] >= 0.9
    assert end.metrics["roc_auc"] >= 0.99
    (evaluation,) = of(whole, ev.EvaluationMade)
    assert sum(map(sum, evaluation.confusion)) == 360


def test_the_log_its_metrics_and_the_statuses_arrive(whole):
    lines = [line for batch in of(whole, ev.LogLines) for line in batch.lines]
    assert any("#quality_metric" in line for line in lines)
    epochs = [m.epoch for m in of(whole, ev.MetricReported) if m.name == "train:objective_loss"]
    assert epochs == sorted(set(epochs))
    assert len(epochs) >= 3
    statuses = [e.secondary_status for e in of(whole, ev.JobStatusChanged) if e.resource == "training-job"]
    assert statuses[0] == "Starting"
    assert statuses[-1] == "Completed"
    assert "Training" in statuses


def test_every_log_line_is_told_once(whole, sandbox):
    target, _settings = sandbox
    (job,) = {event.job for event in of(whole, ev.LogLines) if event.job.endswith("-train")}
    logs = target.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{job}/")["logStreams"]
    written, token = [], None
    while True:
        extra = {"nextToken": token} if token else {}
        page = logs.get_log_events(
            logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True, **extra
        )
        written += [event["message"].rstrip("\r\n") for event in page["events"]]
        if page["nextForwardToken"] == token or not page["events"]:
            break
        token = page["nextForwardToken"]
    told = [line for batch in of(whole, ev.LogLines) if batch.job == job for line in batch.lines]
    assert told == written


def test_the_endpoint_and_the_transform_give_the_same_answers(whole, sandbox):
    _target, settings = sandbox
    results = settings.runs / whole[0].run_id / "results"
    endpoint, transform = (load(results / f"predictions-{name}.csv") for name in ("endpoint", "transform"))
    assert endpoint[:2] == transform[:2]
    # A float32 product of 18 rows and one of 360 differ in the last bits.
    for one, other in zip(endpoint[2], transform[2], strict=True):
        assert one == pytest.approx(other, rel=1e-5)


def test_the_first_prediction_is_shown_as_it_was_sent_and_came(whole):
    (made,) = of(whole, ev.PredictionMade)
    assert made.request.count(",") == 63
    assert made.response.startswith('{"predictions": [{"score": ')
    assert made.score is not None


def test_costs_are_marked_as_simulated_and_add_up(whole):
    last = of(whole, ev.CostChanged)[-1]
    assert last.simulated
    assert last.hourly_usd == 0
    assert {item.kind for item in last.items} == {"training-job", "endpoint", "transform-job"}
    assert last.usd == pytest.approx(sum(item.usd for item in last.items))
    assert last.usd > 0
    assert all("table of" in item.price_source for item in last.items)


def test_calls_are_recorded_with_request_and_answer_and_without_secrets(whole, sandbox):
    target, settings = sandbox
    operations = {call.operation for call in of(whole, ev.ApiCalled)}
    assert {
        "CreateTrainingJob",
        "CreateModel",
        "CreateEndpointConfig",
        "CreateEndpoint",
        "InvokeEndpoint",
        "CreateTransformJob",
        "DeleteEndpoint",
        "DeleteEndpointConfig",
        "DeleteModel",
    } <= operations
    folder = settings.runs / whole[0].run_id
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert target.credentials.secret_key.encode() not in written
    assert target.credentials.access_key.encode() not in written


def test_nothing_is_left_on_the_target(whole, sandbox):
    target, _settings = sandbox
    run_id = whole[0].run_id
    sagemaker = target.client("sagemaker")
    assert not sagemaker.list_endpoints(NameContains=run_id)["Endpoints"]
    assert not sagemaker.list_endpoint_configs(NameContains=run_id)["EndpointConfigs"]
    assert not sagemaker.list_models(NameContains=run_id)["Models"]


def test_the_journal_reads_back_as_the_events(whole, sandbox):
    _target, settings = sandbox
    assert list(journal.read(settings.runs / whole[0].run_id / journal.NAME)) == whole


def test_the_same_recipe_gives_the_same_numbers(whole, engine):
    again = list(engine.run(DIGITS, until="predict"))
    engine_rows = [event.correct for event in of(again, ev.PredictionsCompared)]
    assert engine_rows == [of(whole, ev.PredictionsCompared)[0].correct]
    done = list(engine.run(DIGITS, run_id=again[0].run_id))
    assert isinstance(done[-1], ev.RunFinished)
    assert done[-1].metrics == whole[-1].metrics


def test_deleting_the_data_leaves_the_prefix_empty(engine, sandbox):
    target, _settings = sandbox
    recipe = DIGITS.with_settings({"teardown.delete_data": "true", "train.epochs": "2"})
    events = list(engine.run(recipe))
    assert isinstance(events[-1], ev.RunFinished)
    found = target.client("s3").list_objects_v2(
        Bucket=target.bucket, Prefix=f"sagewizard/{events[0].run_id}/"
    )
    assert found["KeyCount"] == 0
    assert not engine.ledger.alive(run_id=events[0].run_id)


def test_a_file_over_one_part_goes_up_in_parts_with_progress(engine, sandbox, tmp_path, monkeypatch):
    from sagewizard.engine import uploads

    monkeypatch.setattr(uploads, "PROGRESS_BYTES", 1)
    monkeypatch.setattr(uploads, "PART_BYTES", 5 * 1024 * 1024)
    target, _settings = sandbox
    context = _Context(engine, target)
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(range(256)) * 50_000)
    uri = uploads.upload(context, path, "sagewizard/parts/big.bin", digest="d", content_type="text/plain")
    head = target.client("s3").head_object(Bucket=target.bucket, Key="sagewizard/parts/big.bin")
    assert head["ContentLength"] == path.stat().st_size
    assert "-3" in head["ETag"]
    assert uri.endswith("sagewizard/parts/big.bin")
    assert context.told[-1] == path.stat().st_size
    assert context.told == sorted(context.told)
    context.told.clear()
    uploads.upload(context, path, "sagewizard/parts/big.bin", digest="d", content_type="text/plain")
    assert context.told == [path.stat().st_size]  # it was there already


# s3transfer leaves the file to the garbage collector when a transfer is cancelled.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cancelled_upload_leaves_no_parts(engine, sandbox, tmp_path, monkeypatch):
    from sagewizard.engine import uploads
    from sagewizard.errors import CancelledError

    monkeypatch.setattr(uploads, "PART_BYTES", 5 * 1024 * 1024)
    monkeypatch.setattr(uploads, "PROGRESS_BYTES", 1)
    target, _settings = sandbox
    context = _Context(engine, target, cancel_after=1)
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(20_000_000))
    with pytest.raises(CancelledError):
        uploads.upload(context, path, "sagewizard/cancelled/big.bin", digest="d", content_type="text/plain")
    s3 = target.client("s3")
    assert s3.list_objects_v2(Bucket=target.bucket, Prefix="sagewizard/cancelled/")["KeyCount"] == 0
    assert not s3.list_multipart_uploads(Bucket=target.bucket).get("Uploads")
    gc.collect()


class _Context:
    """What an upload needs of a run."""

    def __init__(self, engine, target, cancel_after=None):
        self.target, self.clock, self.run_id = target, engine.clock, "r"
        self.cancel = threading.Event()
        self.api = engine.api(self.cancel)
        self.told = []
        self._cancel_after = cancel_after

    def progress(self, _message, done, _total, _unit):
        self.told.append(done)
        if self._cancel_after is not None and len(self.told) >= self._cancel_after:
            self.cancel.set()

    def check_cancel(self):
        from sagewizard.errors import CancelledError

        if self.cancel.is_set():
            raise CancelledError("The run was cancelled.")


def test_mnist_reaches_the_promised_f1(sandbox, data_folder):
    target, settings = sandbox
    engine = Engine(target, settings=Settings(home=settings.home, data=data_folder))
    events = list(engine.run(finding.load("mnist-linear-learner")))
    end = events[-1]
    assert isinstance(end, ev.RunFinished), end
    assert end.metrics["f1"] >= 0.955
    assert end.alive == ()
    (loaded,) = of(events, ev.DatasetLoaded)
    assert loaded.rows == {"train": 50_000, "validation": 10_000, "test": 10_000}
    compared = of(events, ev.PredictionsCompared)
    assert [event.requests for event in compared] == [100, 1]


def test_a_run_from_python_returns_its_trials_and_the_best(sandbox, monkeypatch):
    import sagewizard

    target, settings = sandbox
    monkeypatch.setenv("SAGEWIZARD_HOME", str(settings.home))
    wanted = {"tune.enabled": "true", "tune.jobs": 2, "train.epochs": 1}
    tuning = sagewizard.run("digits-linear-learner", target, settings=wanted, until="tune").tuning
    assert tuning is not None and tuning.finished
    assert [trial.status for trial in tuning.trials] == ["Completed"] * 2
    assert all({"wd", "learning_rate"} < set(trial.hyperparameters) for trial in tuning.trials)
    best = max(tuning.trials, key=lambda trial: trial.objective)
    assert (tuning.best, tuning.best_objective) == (best.name, best.objective)
