"""The engine's small parts: cost meter, estimate, log following, metrics, predictions, languages."""

from __future__ import annotations

import threading

import pytest

from sagewizard import algorithms, i18n
from sagewizard.engine.costs import CostMeter
from sagewizard.engine.estimate import estimate
from sagewizard.engine.logs import LogBatch, LogFollower, MetricReader
from sagewizard.engine.predictions import Answer, load, read_json, read_json_lines, save
from sagewizard.engine.state import new_run_id
from sagewizard.engine.waiting import wait_until
from sagewizard.errors import CancelledError, JobFailedError, UsageError, WaitTimeoutError
from sagewizard.recipe import finding


def test_the_meter_counts_uptime_and_takes_billed_seconds_when_told(target, clock):
    meter = CostMeter(target, clock)
    meter.start("endpoint", "e", "Hosting", "ml.m5.large", 2)
    clock.time += 1800
    assert meter.total() == pytest.approx(0.36)
    assert meter.hourly() == pytest.approx(0.72)
    meter.start("endpoint", "e", "Hosting", "ml.m5.large", 2)  # already runs: keeps its start
    meter.stop("endpoint", "e")
    clock.time += 3600
    assert meter.total() == pytest.approx(0.36)
    assert meter.hourly() == 0
    meter.start("training-job", "t", "Training", "ml.m5.large", 1)
    meter.stop("training-job", "t", billed_seconds=100)
    assert meter.total() == pytest.approx(0.37)
    again = CostMeter(target, clock)
    again.restore(meter.dump())
    assert again.items() == meter.items()


def test_an_unknown_price_is_none_and_not_nothing(target, clock, monkeypatch):
    monkeypatch.setattr(target.prices, "hourly", lambda *_: None)
    meter = CostMeter(target, clock)
    meter.start("endpoint", "e", "Hosting", "ml.x.large", 1)
    (item,) = meter.items()
    assert item.usd is None
    assert item.hourly_usd is None


def test_the_estimate_counts_billed_minutes(target):
    found = estimate(finding.load("mnist-linear-learner"), target.prices, "us-east-1")
    assert [(item.what, item.minutes) for item in found.items] == [
        ("training", 3.0),
        ("endpoint", 7.0),
        ("batch transform", 4.0),
    ]
    assert found.usd == pytest.approx(0.36 * 14 / 60)


class Streams:
    """Log streams in memory, read by token as CloudWatch does it."""

    def __init__(self, fakes):
        self.fakes = fakes
        self.streams: dict[str, list[tuple[int, str]]] = {}
        self.page = 3

    def __call__(self, service, operation, *, show=True, **p):
        if operation == "DescribeLogStreams":
            if not self.streams:
                raise self.fakes.client_error("ResourceNotFoundException", "no group", operation)
            names = sorted(self.streams)
            at = int(p.get("nextToken", 0))
            found = {"logStreams": [{"logStreamName": name} for name in names[at : at + 1]]}
            return found | ({"nextToken": str(at + 1)} if at + 1 < len(names) else {})
        lines = self.streams[p["logStreamName"]]
        at = int(p.get("nextToken", 0))
        events = [{"timestamp": when, "message": text + "\n"} for when, text in lines[at : at + self.page]]
        return {"events": events, "nextForwardToken": str(at + len(events))}


def test_the_follower_tells_each_line_of_each_stream_once(fakes):
    streams = Streams(fakes)
    follower = LogFollower(streams, "group", "job/")
    assert follower.poll() == []
    streams.streams = {"job/algo-1": [(n, f"a{n}") for n in range(8)], "job/algo-2": [(1, "b")]}
    seen = [line for batch in follower.poll() for line in batch.lines]
    assert seen == [f"a{n}" for n in range(8)] + ["b"]
    assert follower.poll() == []
    streams.streams["job/algo-1"].append((9, "late"))
    resumed = LogFollower(streams, "group", "job/", follower.tokens)
    assert [batch.lines for batch in resumed.poll()] == [("late",)]


def test_metrics_come_from_the_log_with_their_epoch():
    reader = MetricReader(algorithms.get("linear-learner").metric_definitions)
    lines = (
        (
            "[11/24/2020 18:53:58 INFO 139] #quality_metric: host=algo-1, epoch=3, train "
            "binary_classification_cross_entropy_objective <loss>=0.5956"
        ),
        "[11/24/2020 18:53:58 INFO 139] #quality_metric: host=algo-1, validation precision <score>=0.98",
        "nothing to see",
        "[11/24/2020 18:53:58 INFO 139] #progress_metric: host=algo-1, completed 6 % of epochs",
    )
    found = {(r.name, r.value, r.epoch) for r in reader.read(LogBatch("s", lines, (1, 2, 3, 4)))}
    assert ("train:objective_loss", 0.5956, 3) in found
    assert ("validation:precision", 0.98, None) in found
    assert ("train:progress", 6.0, None) in found


def test_answers_are_kept_and_read_back(tmp_path):
    answers = [Answer(1.0, (0.1 + 0.2,)), Answer(0.0, (1e-300,))]
    save(tmp_path / "p.csv", answers, [1.0, 1.0])
    assert load(tmp_path / "p.csv") == ([1.0, 1.0], [1.0, 0.0], [(0.1 + 0.2,), (1e-300,)])
    (tmp_path / "p.csv").write_text("row,expected\n1,x\n")
    with pytest.raises(UsageError):
        load(tmp_path / "p.csv")


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"predictions": 1}', b'{"predictions": [{"label": 1}]}', b"[]"]
)
def test_a_reply_that_is_no_prediction_is_an_error(body):
    with pytest.raises(JobFailedError):
        read_json(body, 1, source="The endpoint e")


def test_a_reply_for_other_rows_is_an_error():
    body = b'{"score": 0.4, "predicted_label": 0}\n'
    assert read_json_lines(body, 1, source="x") == [Answer(0.0, (0.4,))]
    with pytest.raises(JobFailedError, match="1 answers for 2 rows"):
        read_json_lines(body, 2, source="x")


def test_waiting_ends_with_the_job_the_limit_or_the_person(clock):
    cancel = threading.Event()
    looks = iter(range(100))

    def wait(done, limit):
        return wait_until(
            lambda: next(looks),
            done,
            clock=clock,
            cancel=cancel,
            every=5.0,
            limit=limit,
            what="The job",
            remedy="r",
        )

    assert wait(lambda seen: seen == 3, 60) == 3
    assert clock.waits == [5.0] * 3
    with pytest.raises(WaitTimeoutError, match="The job took longer"):
        wait(lambda seen: False, 12)
    cancel.set()
    with pytest.raises(CancelledError):
        wait(lambda seen: False, 12)


def test_run_ids_fit_into_every_name():
    run_id = new_run_id(1_700_000_000.0)
    assert len(run_id) == 20
    assert len(f"sw-{run_id}-train-99") <= 32


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, ("en",)),
        ({"LANG": "C.UTF-8"}, ("en",)),
        ({"LANG": "fr_FR.UTF-8"}, ("fr", "en")),
        ({"LANG": "de_DE", "LANGUAGE": "fr:de:en"}, ("fr", "de", "en")),
        ({"LC_ALL": "POSIX", "LANG": "fr"}, ("en",)),
    ],
)
def test_the_language_is_taken_as_gettext_takes_it(environ, wanted):
    assert i18n.languages(environ) == wanted


def test_words_without_a_translation_stay_english(monkeypatch):
    monkeypatch.setenv("LANGUAGE", "fr")
    assert i18n._("Nothing of the kind.") == "Nothing of the kind."
    assert i18n.ngettext("row", "rows", 2) == "rows"
