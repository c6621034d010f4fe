"""Faults at chosen calls, against a target in memory: nothing is lost, made twice or hidden."""

from __future__ import annotations

import gc
import threading

import pytest

from sagewizard import events as ev
from sagewizard.engine import Engine, journal
from sagewizard.engine import state as states
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.teardown import Teardown
from sagewizard.errors import UsageError
from sagewizard.recipe import finding
from sagewizard.recipe.loading import load_text

DIGITS = finding.load("digits-linear-learner")


@pytest.fixture
def engine(target, settings, clock):
    return Engine(target, settings=settings, clock=clock)


def run(engine, recipe=DIGITS, **options):
    return list(engine.run(recipe, **options))


def of(events, kind):
    return [event for event in events if isinstance(event, kind)]


def left(target):
    return {**target.models, **target.configs, **target.endpoints}


def test_a_whole_run_ends_well_and_leaves_nothing(engine, target, settings):
    events = run(engine)
    end = events[-1]
    assert isinstance(end, ev.RunFinished)
    assert end.complete
    assert end.exit_code == 0
    assert end.alive == ()
    assert not left(target)
    assert [event.step for event in of(events, ev.StepFinished)] == list(DIGITS.steps)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert {event.run_id for event in events} == {end.run_id}
    assert not [e for e in Ledger(settings.ledger).alive() if e.kind != "s3-prefix"]


def test_the_journal_holds_exactly_the_events(engine, settings):
    events = run(engine)
    assert list(journal.read(settings.runs / events[0].run_id / journal.NAME)) == events


def test_every_create_call_finds_its_intent_in_the_ledger(engine, target, settings, monkeypatch):
    seen = {}
    client = type(target).client

    def spying(self, service):
        made = client(self, service)
        original = made.__class__.__getattr__

        class Spy(made.__class__):
            def __getattr__(self, name):
                call = original(self, name)
                if name.startswith("create_") or name == "upload_file":
                    open_rows = {entry.name for entry in Ledger(settings.ledger).alive()}
                    seen.setdefault(name, []).append(open_rows)
                return call

        made.__class__ = Spy
        return made

    monkeypatch.setattr(type(target), "client", spying)
    events = run(engine)
    run_id = events[0].run_id
    for name, part in {
        "create_training_job": f"sw-{run_id}-train",
        "create_model": f"sw-{run_id}-model",
        "create_endpoint_config": f"sw-{run_id}-config",
        "create_endpoint": f"sw-{run_id}-endpoint",
        "create_transform_job": f"sw-{run_id}-transform",
        "upload_file": f"s3://bucket/sagewizard/{run_id}/",
    }.items():
        assert seen[name]
        assert all(part in rows for rows in seen[name]), name


CREATES = ("CreateTrainingJob", "CreateModel", "CreateEndpointConfig", "CreateEndpoint", "CreateTransformJob")


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_crash_around_a_create_call_is_resumed_without_a_second_one(
    engine, target, settings, fakes, operation, moment
):
    table = target.faults if moment == "before" else target.after
    table[operation] = [fakes.Crash("the machine went away")]
    events = run(engine)
    assert not of(events, ev.ENDINGS)  # as after a kill: no ending is written
    run_id = events[0].run_id
    assert states.load(settings.runs / run_id).status == "running"
    gc.collect()
    again = run(engine, run_id=run_id)
    assert isinstance(again[-1], ev.RunFinished)
    assert again[0].resumed
    assert again[-1].alive == ()
    assert len(target.jobs) == 1
    assert not left(target)
    sequence = [event.sequence for event in journal.read(settings.runs / run_id / journal.NAME)]
    assert sequence == list(range(1, len(sequence) + 1))
    assert len(sequence) == len(events) + len(again)


@pytest.mark.parametrize("operation", CREATES)
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_teardown_finds_what_a_crash_left(engine, target, settings, fakes, clock, operation, moment):
    table = target.faults if moment == "before" else target.after
    table[operation] = [fakes.Crash("the machine went away")]
    run(engine)
    ledger = Ledger(settings.ledger)
    cancel = threading.Event()
    tool = Teardown(target, engine.api(), ledger, clock, cancel, lambda *_a, **_k: None)
    report = tool.delete(ledger.alive())
    assert not report.failed
    assert not ledger.alive()
    assert not left(target)
    assert not target.objects
    assert all(job["stopped"] or job["looks"] > 2 for job in target.jobs.values())
    if moment == "before":
        notes = {entry.note for entry in ledger.all()}
        assert "never made" in notes


@pytest.mark.parametrize("code", ["ThrottlingException", "SlowDown", "InternalFailure", "ServiceUnavailable"])
def test_throttling_is_waited_out(engine, target, fakes, clock, code):
    target.faults["CreateEndpoint"] = [fakes.client_error(code, "Rate exceeded", "CreateEndpoint")] * 3
    events = run(engine)
    assert isinstance(events[-1], ev.RunFinished)
    failed = [call for call in of(events, ev.ApiCalled) if call.error_code == code]
    assert [call.attempt for call in failed] == [1, 2, 3]
    assert clock.waits.count(4.0) == 1


def test_throttling_without_end_is_an_error_that_can_be_resumed(engine, target, fakes):
    fault = fakes.client_error("ThrottlingException", "Rate exceeded", "CreateModel")
    target.faults["CreateModel"] = [fault] * 7
    events = run(engine)
    end = events[-1]
    assert isinstance(end, ev.RunFailed)
    assert end.exit_code == 3
    assert end.resumable
    assert "asks to slow down" in end.message
    assert isinstance(run(engine, run_id=end.run_id)[-1], ev.RunFinished)


def test_a_dropped_connection_after_the_job_was_made_adopts_it(engine, target):
    from botocore.exceptions import ConnectionClosedError

    target.after["CreateTrainingJob"] = [ConnectionClosedError(endpoint_url="http://x")]
    events = run(engine)
    assert isinstance(events[-1], ev.RunFinished)
    assert len(target.jobs) == 1
    assert [e.adopted for e in of(events, ev.ResourceCreated) if e.resource == "training-job"] == [True]


def test_a_job_that_failed_is_done_again_under_a_new_name(engine, target):
    target.fail_training = "ClientError: no"
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFailed)
    assert end.exit_code == 1
    assert "ClientError: no" in end.message
    assert end.step == "train"
    assert end.alive == ()
    target.fail_training = ""
    again = run(engine, run_id=end.run_id)
    assert isinstance(again[-1], ev.RunFinished)
    assert sorted(target.jobs) == [f"sw-{end.run_id}-train", f"sw-{end.run_id}-train-2"]


def test_a_failure_after_the_deployment_leaves_it_alive_and_says_so(engine, target, fakes):
    target.faults["InvokeEndpoint"] = [
        fakes.client_error("ModelError", "Received client error", "InvokeEndpoint")
    ]
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFailed)
    kinds = {resource.kind: resource.hourly_usd for resource in end.alive}
    assert kinds == {"model": None, "endpoint-config": None, "endpoint": 0.36}
    assert len(target.endpoints) == 1
    assert isinstance(run(engine, run_id=end.run_id)[-1], ev.RunFinished)
    assert not left(target)


def test_what_cannot_be_deleted_is_named_with_its_price_and_the_rest_goes(engine, target, fakes):
    target.faults["DeleteEndpoint"] = [fakes.client_error("AccessDeniedException", "no", "DeleteEndpoint")]
    events = run(engine)
    end = events[-1]
    assert isinstance(end, ev.RunFailed)
    assert end.error == "BillableRemainsError"
    assert end.exit_code == 5
    assert "$0.360 an hour" in end.message
    assert [resource.kind for resource in end.alive] == ["endpoint"]
    (failure,) = of(events, ev.ResourceDeletionFailed)
    assert failure.hourly_usd == 0.36
    assert not target.models
    assert not target.configs
    assert isinstance(run(engine, run_id=end.run_id)[-1], ev.RunFinished)
    assert not left(target)


def test_an_endpoint_that_somebody_deleted_is_named_with_the_way_on(engine, target):
    run_id = run(engine, until="deploy")[-1].run_id
    target.endpoints.clear()
    end = run(engine, run_id=run_id)[-1]
    assert isinstance(end, ev.RunFailed)
    assert "not there any more" in end.message
    assert "somebody else has deleted it" in end.message
    assert f"runs resume {run_id}" in end.remedy
    assert "endpoint" not in {resource.kind for resource in end.alive}
    done = run(engine, run_id=run_id)
    assert isinstance(done[-1], ev.RunFinished)
    # The training is not done again.
    assert target.calls["CreateTrainingJob"] == 1
    assert target.calls["CreateEndpoint"] == 2
    assert not left(target)


def test_an_endpoint_deleted_while_it_answers_is_named_and_no_longer_billed(engine, target, fakes):
    target.faults["InvokeEndpoint"] = []
    original = fakes._Operations.InvokeEndpoint

    def vanish(t, EndpointName, **p):  # noqa: N803
        t.endpoints.pop(EndpointName, None)
        return original(t, EndpointName=EndpointName, **p)

    fakes._Operations.InvokeEndpoint = vanish
    try:
        end = run(engine)[-1]
    finally:
        fakes._Operations.InvokeEndpoint = original
    assert isinstance(end, ev.RunFailed)
    assert "somebody else has deleted it" in end.message
    state = states.load(engine.settings.runs / end.run_id)
    assert [meter["ended"] is not None for meter in state.meters] == [True, True]
    assert isinstance(run(engine, run_id=end.run_id)[-1], ev.RunFinished)
    assert not left(target)


@pytest.mark.parametrize(("simulated", "code"), [(True, 0), (False, 5)])
def test_keep_is_exit_code_5_only_where_it_is_billed(fakes, settings, clock, simulated, code):
    target = fakes.FakeTarget(clock, simulated=simulated)
    end = run(Engine(target, settings=settings, clock=clock), keep=True)[-1]
    assert isinstance(end, ev.RunFinished)
    assert not end.complete
    assert end.exit_code == code
    assert {resource.kind for resource in end.alive} == {"model", "endpoint-config", "endpoint"}


def test_cancelling_at_any_event_ends_in_a_run_that_can_be_resumed(engine, target, settings):
    whole = len(run(engine))
    for stop_at in range(1, whole, 7):
        target.looks_until_done = 3
        cancel = threading.Event()
        events = []
        for event in engine.run(DIGITS, cancel=cancel):
            events.append(event)
            if len(events) == stop_at:
                cancel.set()
        end = events[-1]
        assert isinstance(end, ev.RunCancelled | ev.RunFinished)
        if isinstance(end, ev.RunFinished):
            continue
        alive = {resource.name for resource in end.alive}
        there = {name for name in left(target) if end.run_id in name}
        assert there <= alive
        if not end.resumable:
            assert not (settings.runs / end.run_id).exists()
            continue
        again = run(engine, run_id=end.run_id)
        assert isinstance(again[-1], ev.RunFinished), again[-1]
        assert not left(target)


def test_leaving_the_iteration_ends_the_run(engine, settings):
    stream = engine.run(DIGITS)
    for event in stream:
        if isinstance(event, ev.StepFinished) and event.step == "prepare":
            break
    stream.close()
    assert states.load(settings.runs / event.run_id).status == "cancelled"


def test_a_run_cannot_be_worked_on_twice_at_once(engine, settings):
    end = run(engine, until="prepare")[-1]
    with states.exclusive(settings.runs / end.run_id):
        (refused,) = run(engine, run_id=end.run_id)
    assert isinstance(refused, ev.RunFailed)
    assert "another process" in refused.message
    assert isinstance(run(engine, run_id=end.run_id)[-1], ev.RunFinished)


def test_a_torn_last_line_of_the_journal_is_left_out_and_written_over(engine, settings):
    end = run(engine, until="prepare")[-1]
    path = settings.runs / end.run_id / journal.NAME
    whole = list(journal.read(path))
    with path.open("ab") as file:
        file.write(b'{"kind":"step_st')
    assert list(journal.read(path)) == whole
    again = run(engine, run_id=end.run_id)
    assert list(journal.read(path)) == whole + again


def test_until_and_from(engine, target):
    first = run(engine, until="evaluate")
    end = first[-1]
    assert not end.complete
    assert len(target.endpoints) == 1
    again = run(engine, from_step="predict")
    assert again[0].run_id == end.run_id
    done = [event.step for event in of(again, ev.StepFinished)]
    assert done == ["predict", "transform", "evaluate", "teardown"]
    assert len(target.transforms) == 2
    # After the teardown, predict has nothing to ask; train begins anew, under other names.
    with pytest.raises(UsageError, match="torn down"):
        run(engine, run_id=end.run_id, from_step="predict")
    retrained = run(engine, DIGITS.with_settings({"train.epochs": 3}), run_id=end.run_id, from_step="train")
    assert isinstance(retrained[-1], ev.RunFinished)
    assert target.jobs[f"sw-{end.run_id}-train-2"]["HyperParameters"]["epochs"] == "3"
    assert not left(target)


def test_from_before_the_deployment_takes_the_old_one_down_first(engine, target):
    end = run(engine, until="deploy")[-1]
    again = run(engine, run_id=end.run_id, from_step="train", until="deploy")
    assert isinstance(again[-1], ev.RunFinished)
    assert list(target.endpoints) == [f"sw-{end.run_id}-endpoint-2"]
    assert len(again[-1].alive) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"from_step": "nowhere"}, "no step"),
        ({"until": "nowhere"}, "no step"),
        ({"from_step": "deploy", "until": "train"}, "comes before"),
        ({"from_step": "deploy"}, "No run of"),
        ({"run_id": "nothing-here", "from_step": "deploy"}, "no run"),
        ({"run_id": "../x"}, "cannot be the id"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_at_once(engine, settings, options, words):
    with pytest.raises(UsageError, match=words):
        engine.run(DIGITS, **options)
    assert not settings.home.exists()


def test_secrets_reach_neither_journal_nor_state(engine, target, settings, fakes):
    target.faults["CreateModel"] = [
        fakes.client_error("AccessDenied", f"key {fakes.SECRET} AKIAIOSFODNN7EXAMPLE", "CreateModel")
    ]
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFailed)
    written = b"".join(path.read_bytes() for path in settings.home.rglob("*") if path.is_file())
    assert b"CreateModel" in written
    assert fakes.SECRET.encode() not in written
    assert b"AKIAIOSFODNN7EXAMPLE" not in written


RECIPE = DIGITS.raw.decode()


def own_csv(tmp_path, rows, **changes):
    """A recipe over a CSV of one's own."""
    (tmp_path / "own.csv").write_text("\n".join(rows) + "\n")
    start, end = RECIPE.index("dataset:"), RECIPE.index("algorithm:")
    text = (
        RECIPE[:start]
        + (
            "dataset:\n  path: own.csv\n  label_column: label\n"
            "  split:\n    train: 0.6\n    validation: 0.2\n"
            "    test: 0.2\n    stratified: false\n\n"
        )
        + RECIPE[end:].replace("feature_dim: 64", "feature_dim: 2").replace("size: 100", "size: 5")
    )
    return load_text(text, str(tmp_path / "r.yaml")).with_settings(changes)


def rows(count, label=lambda row: row % 2, value=lambda row: str(row * 0.5)):
    return ["a,b,label", *(f"{row},{value(row)},{label(row)}" for row in range(count))]


def test_a_csv_of_ones_own_runs_from_the_recipes_folder(engine, target, tmp_path):
    events = run(engine, own_csv(tmp_path, rows(60)), until="train")
    assert isinstance(events[-1], ev.RunFinished), events[-1]


@pytest.mark.parametrize(
    ("lines", "changes", "words"),
    [
        (rows(60, value=lambda row: "nan" if row == 7 else "1"), {}, ""),
        (rows(60, value=lambda row: "" if row == 7 else "1"), {}, ""),
        (rows(60, value=lambda row: "x" if row == 7 else "1"), {}, "x"),
        (rows(60, label=lambda row: 1), {}, "every training row"),
        (rows(60), {"train.mini_batch_size": "50"}, "fewer than one mini-batch"),
        (rows(60, label=lambda row: row % 3), {}, "two labels"),
        (rows(60), {"train.feature_dim": "3"}, "feature_dim is 3"),
        (rows(60), {"dataset.positive_label": "7"}, "no label '7'"),
        (rows(60), {"train.instance_type": "ml.m5.huge"}, "no ml.m5.huge"),
        (["a,b,label", "1,2,0,9", "1,2"], {}, ""),
        (["\x1f\x8b\x08 not what it says"], {}, ""),
        ([], {}, ""),
    ],
)
def test_bad_data_is_one_error_and_nothing_is_created(
    engine, target, settings, tmp_path, lines, changes, words
):
    events = run(engine, own_csv(tmp_path, lines, **changes))
    end = events[-1]
    assert isinstance(end, ev.RunFailed), end
    assert end.exit_code == 2, end
    assert end.remedy
    assert words in end.message
    assert not end.resumable
    assert not target.objects
    assert not target.jobs
    assert not settings.home.exists()


def test_a_dataset_that_changed_since_is_not_mixed_in(engine, target, tmp_path):
    recipe = own_csv(tmp_path, rows(60))
    end = run(engine, recipe, until="preview")[-1]
    (tmp_path / "own.csv").write_text("\n".join(rows(70)) + "\n")
    again = run(engine, recipe, run_id=end.run_id)[-1]
    assert isinstance(again, ev.RunFailed)
    assert "not the data that this run began with" in again.message


def test_a_fault_of_the_program_is_told_and_kept_in_a_file(engine, target, settings):
    target.faults["CreateModel"] = [ZeroDivisionError("oops")]
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFailed)
    assert "oops" in end.message
    assert "Traceback" in (settings.runs / end.run_id / "fault.txt").read_text()


def test_a_job_that_ends_before_it_can_be_stopped_counts_as_ended(engine, target, settings, fakes, clock):
    cancel = threading.Event()
    events = []
    for event in engine.run(DIGITS, cancel=cancel):
        events.append(event)
        if isinstance(event, ev.ResourceCreated) and event.resource == "training-job":
            cancel.set()
    (name,) = target.jobs

    class Refusal(type(fakes.client_error("x", "y", "z"))):
        def __init__(self):
            text = "The request was rejected because the training job is in status Completed."
            super().__init__({"Error": {"Code": "ValidationException", "Message": text}}, "StopTrainingJob")
            target.jobs[name]["looks"] = 99

    target.jobs[name]["looks"] = -99
    plain = fakes._Operations.StopTrainingJob

    def refuse(t, TrainingJobName):  # noqa: N803  as on the wire
        raise Refusal

    fakes._Operations.StopTrainingJob = refuse
    try:
        ledger = Ledger(settings.ledger)
        teardown = Teardown(
            target, engine.api(), ledger, clock, threading.Event(), lambda *_args, **_fields: None
        )
        report = teardown.delete([e for e in ledger.alive() if e.kind == "training-job"])
    finally:
        fakes._Operations.StopTrainingJob = plain
    assert not report.failed
    assert [entry.note for entry in ledger.all() if entry.kind == "training-job"] == ["ended: Completed"]


DENIED = ("AccessDeniedException", "not authorized")


@pytest.mark.parametrize("operation", CREATES)
def test_what_a_lost_answer_made_is_not_entered_as_refused(engine, target, settings, fakes, operation):
    from botocore.exceptions import ConnectionClosedError

    class Once(list):
        """Hits the second try, after the first was carried out and its answer was lost."""

        def __bool__(self):
            return target.calls[operation] > 1 and len(self) > 0

    target.after[operation] = [ConnectionClosedError(endpoint_url="http://x")]
    target.faults[operation] = Once([fakes.client_error(*DENIED, operation)])
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFailed)
    assert "no permission" in end.message
    assert end.alive
    assert isinstance(run(engine, run_id=end.run_id)[-1], ev.RunFinished)
    assert not left(target)
    assert len(target.jobs) == 1


def test_a_refusal_while_going_on_does_not_close_the_row_of_an_earlier_try(engine, target, settings, fakes):
    target.faults["DescribeTrainingJob"] = [fakes.client_error(*DENIED, "DescribeTrainingJob")]
    end = run(engine)[-1]
    assert [resource.kind for resource in end.alive] == ["training-job"]
    target.faults["CreateTrainingJob"] = [fakes.client_error(*DENIED, "CreateTrainingJob")]
    again = run(engine, run_id=end.run_id)[-1]
    assert [resource.kind for resource in again.alive] == ["training-job"]
    assert isinstance(run(engine, run_id=end.run_id)[-1], ev.RunFinished)
    assert len(target.jobs) == 1


def test_what_is_not_found_right_after_it_was_made_is_waited_for(engine, target, fakes):
    for operation in ("DescribeTrainingJob", "DescribeEndpoint", "DescribeTransformJob"):
        missing = fakes.client_error("ValidationException", "Requested resource not found.", operation)
        target.faults[operation] = [missing] * 3
    assert isinstance(run(engine)[-1], ev.RunFinished)
    assert not left(target)


@pytest.mark.parametrize("operation", ["DeleteEndpoint", "DeleteEndpointConfig", "DeleteModel"])
def test_a_deletion_whose_answer_was_lost_is_done(engine, target, operation):
    from botocore.exceptions import ConnectionClosedError

    target.after[operation] = [ConnectionClosedError(endpoint_url="http://x")]
    end = run(engine)[-1]
    assert isinstance(end, ev.RunFinished)
    assert end.alive == ()
    assert not left(target)
