"""Questions to a run between its steps: predictions, looks, deletions, history."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tarfile
import threading
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sagewizard import events as ev
from sagewizard.engine import Engine, history, inventory, journal, predictions
from sagewizard.engine import results as stored
from sagewizard.engine import state as states
from sagewizard.engine.artifact import read_threshold
from sagewizard.engine.interactive import Interactive
from sagewizard.errors import CancelledError, UsageError
from sagewizard.recipe import finding

DIGITS = finding.load("digits-linear-learner")


@pytest.fixture(scope="module")
def kept(sandbox):
    """A whole run in the real sandbox whose endpoint stays: (engine, run id)."""
    target, settings = sandbox
    engine = Engine(target, settings=settings)
    end = list(engine.run(DIGITS, keep=True))[-1]
    assert isinstance(end, ev.RunFinished)
    yield engine, end.run_id
    inventory.delete(engine, engine.ledger.alive(run_id=end.run_id), cancel=threading.Event())


@pytest.fixture
def heard():
    return []


@pytest.fixture
def desk(kept, heard):
    engine, run_id = kept
    return Interactive(engine.settings, run_id, lambda: engine, heard.append)


def journal_of(desk):
    return list(journal.read(desk.folder / journal.NAME))


def test_a_row_gets_the_answer_that_the_step_got_and_stands_in_the_journal(desk, heard):
    before = len(journal_of(desk))
    made = desk.predict_row(7)
    expected, predicted, scores = predictions.load(desk.folder / "results" / "predictions-endpoint.csv")
    assert made.score == pytest.approx(scores[6][0])
    assert made.correct == (expected[6] == predicted[6])
    assert json.loads(made.response)["predictions"][0]["score"] == made.score
    values = desk.table().parts["test"].features[6]
    assert np.array_equal(np.array(made.request.split(","), dtype=np.float32), values)
    after = journal_of(desk)
    assert (
        [event.kind for event in after[before:]]
        == ["api_called", "prediction_made"]
        == [e.kind for e in heard]
    )
    assert [event.sequence for event in after] == list(range(1, len(after) + 1))


def test_values_of_ones_own_expect_nothing(desk):
    blank = desk.predict_values([0.0] * 64)
    assert (blank.row, blank.expected, blank.correct) == (0, "", False)
    assert blank.predicted in ("0", "not 0")
    row = desk.table().parts["test"].features[2].tolist()
    assert desk.predict_values(row).score == desk.predict_row(3).score


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda desk: desk.predict_row(0), "no test row 0"),
        (lambda desk: desk.predict_row(361), "no test row 361"),
        (lambda desk: desk.predict_values([1.0] * 63), "63 values"),
        (lambda desk: desk.predict_values([1.0] * 63 + [float("nan")]), "not a finite number"),
        (lambda desk: desk.predict_values([1.0] * 63 + [1e39]), "not a finite number"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_sent(desk, heard, ask, words):
    before = journal_of(desk)
    with np.errstate(over="ignore"), pytest.raises(UsageError, match=words) as caught:
        ask(desk)
    assert caught.value.remedy
    assert journal_of(desk) == before
    assert not heard


def test_the_whole_test_set_tells_its_progress_and_agrees_with_the_step(desk, heard):
    step = next(e for e in journal_of(desk) if isinstance(e, ev.PredictionsCompared))
    compared = desk.predict_test_set(threading.Event())
    assert (compared.rows, compared.correct, compared.requests) == (step.rows, step.correct, step.requests)
    done = [event.done for event in heard if isinstance(event, ev.StepProgressed)]
    assert done == sorted(done)
    assert done[-1] == compared.rows == 360


def test_a_cancelled_test_set_leaves_the_stored_predictions_as_they_were(desk):
    path = desk.folder / "results" / "predictions-endpoint.csv"
    before = path.read_bytes()
    cancel = threading.Event()
    desk._on_event = lambda event: cancel.set() if isinstance(event, ev.StepProgressed) else None
    with pytest.raises(CancelledError):
        desk.predict_test_set(cancel)
    assert path.read_bytes() == before


def test_a_run_that_is_held_elsewhere_is_not_asked(desk):
    with states.exclusive(desk.folder), pytest.raises(UsageError, match="another process"):
        desk.predict_row(1)


def test_the_threshold_of_the_model_divides_its_answers(desk):
    results = desk.results()
    threshold = desk.threshold()
    assert threshold == results.threshold
    said = results.scores[:, 0] > threshold
    assert np.array_equal(said, results.predicted == 1)
    assert results.sweep().matrix(results.cut).counts == results.confusion.counts
    measures = results.sweep().measures(results.cut)
    assert measures == pytest.approx({name: results.metrics.scores()[name] for name in measures})


def test_stored_results_are_those_that_the_run_told(desk):
    told = next(e for e in journal_of(desk) if isinstance(e, ev.EvaluationMade))
    results = desk.results()
    assert results.confusion.counts == told.confusion
    assert sorted(m.index + 1 for m in results.mistakes()) == sorted(told.wrong_rows)
    assert results.curves["roc"].area == pytest.approx(told.metrics["roc_auc"])
    assert results.curves["pr"].area == pytest.approx(told.metrics["pr_auc"])


def test_output_lines_lie_beside_what_went_in(desk):
    lines = desk.output_lines(5, 3)
    assert [line.row for line in lines] == [5, 6, 7]
    for line in lines:
        values = desk.table().parts["test"].features[line.row - 1]
        assert np.array_equal(np.array(line.request.split(","), dtype=np.float32), values)
        assert json.loads(line.answer)["score"] == pytest.approx(desk.results().scores[line.row - 1, 0])
    assert len(desk.output_lines(359, 10)) == 2


def test_damaged_results_are_an_error_with_a_remedy(tmp_path):
    folder = tmp_path / "run" / "results"
    folder.mkdir(parents=True)
    with pytest.raises(UsageError, match="not been evaluated"):
        stored.load(folder.parent)
    for text in (b"{", b"[]", b'{"kind": 1}', b'{"predictions": "../../etc/passwd"}'):
        (folder / stored.FILE).write_bytes(text)
        with pytest.raises(UsageError, match="cannot be read") as caught:
            stored.load(folder.parent)
        assert caught.value.remedy


def artifact(members, name="model_algo-1"):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    outer = io.BytesIO()
    with tarfile.open(fileobj=outer, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(inner.getvalue())
        archive.addfile(info, io.BytesIO(inner.getvalue()))
    return gzip.compress(outer.getvalue(), mtime=0)


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"additional-params.json": b'{"threshold": 0.463}'}, 0.463),
        ({"additional-params.json": b'{"threshold": null}'}, None),
        ({"additional-params.json": b'{"threshold": true}'}, None),
        ({"additional-params.json": b'{"threshold": "0.5"}'}, None),
        ({"additional-params.json": b"[0.5]"}, None),
        ({"additional-params.json": b"\xff{"}, None),
        ({"manifest.json": b"{}"}, None),
    ],
)
def test_the_threshold_of_an_artifact_is_a_number_or_nothing(members, found):
    assert read_threshold(artifact(members)) == found


def test_another_archive_has_no_threshold():
    assert read_threshold(artifact({"additional-params.json": b'{"threshold": 1}'}, "weights.bin")) is None


@hypothesis_settings(max_examples=60)
@given(st.integers(0, 10_000), st.binary(max_size=40))
def test_a_damaged_artifact_is_no_fault(place, noise):
    body = artifact({"additional-params.json": b'{"threshold": 0.5}'})
    place %= len(body)
    assert read_threshold(body[:place] + noise + body[place + len(noise) :]) in (None, 0.5)
    assert read_threshold(body[:place]) in (None, 0.5)  # only the checksum at the end may be cut off
    assert read_threshold(body[: len(body) // 2]) is None
    assert read_threshold(noise) is None


@pytest.fixture
def faked(target, settings, clock):
    """A run on the target in memory, with everything kept: (engine, run id)."""
    engine = Engine(target, settings=settings, clock=clock)
    end = list(engine.run(DIGITS, keep=True))[-1]
    assert isinstance(end, ev.RunFinished), end
    return engine, end.run_id


def alive_kinds(engine):
    return sorted(entry.kind for entry in engine.ledger.alive() if entry.kind != "s3-prefix")


def test_a_deleted_endpoint_stops_its_meter_and_cannot_be_asked(faked, clock):
    engine, run_id = faked
    clock.time += 3600
    endpoint = next(e for e in engine.ledger.alive() if e.kind == "endpoint")
    assert inventory.so_far(endpoint, clock.now()) == pytest.approx(0.36, rel=0.05)
    heard = []
    outcome = inventory.delete(engine, [endpoint], cancel=threading.Event(), on_event=heard.append)
    assert [entry.name for entry in outcome.deleted] == [endpoint.name]
    assert [event.kind for event in heard] == ["resource_deleted"]
    bill = states.load(engine.settings.runs / run_id).usd
    assert bill > 0.36
    clock.time += 36_000
    meters = states.load(engine.settings.runs / run_id).meters
    assert all(meter["ended"] is not None for meter in meters if meter["started"] is not None)
    desk = Interactive(engine.settings, run_id, lambda: engine)
    with pytest.raises(UsageError) as caught:
        desk.predict_row(1)
    assert "deploy" in caught.value.remedy


def test_a_run_is_torn_down_when_its_last_resource_is_gone(faked):
    engine, run_id = faked
    assert alive_kinds(engine) == ["endpoint", "endpoint-config", "model"]
    for number, entry in enumerate([e for e in engine.ledger.alive() if e.kind != "s3-prefix"], start=1):
        inventory.delete(engine, [entry], cancel=threading.Event())
        state = states.load(engine.settings.runs / run_id)
        assert (state.status == "finished") == (number == 3)
    assert alive_kinds(engine) == []
    things = [(e.kind, e.name) for e in engine.ledger.of_run(run_id)]
    proofs = inventory.prove(engine, things)
    assert {proof.kind for proof in proofs} == {
        "training-job", "transform-job", "endpoint", "endpoint-config", "model",
    }  # fmt: skip
    assert all(proof.gone for proof in proofs)
    assert any("Could not find" in proof.answer for proof in proofs)


def test_the_proof_says_what_is_still_there(faked):
    engine, _run_id = faked
    (entry,) = [e for e in engine.ledger.alive() if e.kind == "endpoint"]
    (proof,) = inventory.prove(engine, [(entry.kind, entry.name)])
    assert (proof.gone, proof.answer) == (False, "InService")


def test_a_look_closes_what_was_deleted_elsewhere_once_it_can_be_sure(faked, target, clock, fakes):
    engine, _run_id = faked
    entries = [e for e in engine.ledger.alive() if e.kind != "s3-prefix"]
    everything = alive_kinds(engine)
    rest = [kind for kind in everything if kind != "endpoint"]
    kept = dict(target.endpoints)
    target.endpoints.clear()
    # A moment after it was made, an answer without it says nothing.
    there = inventory.check(engine, entries)
    assert {e.kind for e in entries if e.id in there} == set(rest)
    assert alive_kinds(engine) == everything
    # Later, one such answer is no proof either: the second look finds it.
    clock.time += inventory.SETTLED_SECONDS
    target.endpoints.update(kept)
    message = "Could not find endpoint"
    target.faults["DescribeEndpoint"] = [fakes.client_error("ValidationException", message, "Describe")]
    looks, now = target.calls["DescribeEndpoint"], clock.now()
    assert {e.id for e in entries} == inventory.check(engine, entries)
    assert target.calls["DescribeEndpoint"] == looks + 2
    assert clock.now() - now >= target.poll_seconds
    assert alive_kinds(engine) == everything
    target.endpoints.clear()
    there = inventory.check(engine, entries)
    assert {e.kind for e in entries if e.id in there} == set(rest)
    assert alive_kinds(engine) == rest
    stop = threading.Event()
    stop.set()
    target.models.clear()
    with pytest.raises(CancelledError):
        inventory.check(engine, engine.ledger.alive(), cancel=stop)
    assert alive_kinds(engine) == rest


def test_a_run_that_is_held_is_left_alone(faked):
    engine, run_id = faked
    entries = engine.ledger.alive(run_id=run_id)
    with states.exclusive(engine.settings.runs / run_id):
        outcome = inventory.delete(engine, entries, cancel=threading.Event())
    assert (outcome.deleted, outcome.busy) == ([], [run_id])
    assert len(engine.ledger.alive(run_id=run_id)) == len(entries)


def test_history_is_exported_with_metrics_settings_and_journal(faked, clock):
    engine, run_id = faked
    again = list(engine.run(DIGITS.with_settings({"train.epochs": 3})))[-1].run_id
    found = history.summaries(engine.settings)
    assert {summary.run_id for summary in found} == {run_id, again}
    kept = next(summary for summary in found if summary.run_id == run_id)
    assert (kept.alive, kept.score[0]) == (3, "f1")
    json_path, csv_path = history.export(engine.settings, [run_id, again], now=clock.now())
    rows = json.loads(json_path.read_bytes())
    assert {row["run"] for row in rows} == {run_id, again}
    table = list(csv.DictReader(io.StringIO(csv_path.read_text(encoding="utf-8"))))
    by_run = {row["run"]: row for row in table}
    assert by_run[again]["train.epochs"] == "3"
    assert by_run[run_id]["train.epochs"] == ""
    assert float(by_run[run_id]["f1"]) == pytest.approx(kept.metrics["f1"])
    assert list(journal.read(engine.settings.runs / run_id / journal.NAME))
    assert by_run[run_id]["journal"].endswith("journal.jsonl")


def test_an_export_keeps_formulas_out_of_spreadsheets(faked, clock):
    engine, run_id = faked
    path = engine.settings.runs / run_id / states.NAME
    state = states.load(path.parent)
    state.error = "=HYPERLINK(1)"
    state.save(path.parent)
    _json, csv_path = history.export(engine.settings, [run_id], now=clock.now())
    assert "'=HYPERLINK" in csv_path.read_text(encoding="utf-8")
