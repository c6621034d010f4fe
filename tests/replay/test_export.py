"""An export plays back as the run was, is the same every time, and tells nothing of who made it and where."""

from __future__ import annotations

import io
import json
import threading
import zipfile

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sagewizard import events as ev
from sagewizard.engine import exporting, journal, recording, results, swrun
from sagewizard.engine.anonymous import Veil, veil_for
from sagewizard.errors import UsageError


def contents(data):
    """Everything in the file, unpacked, as one text."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return "\n".join(archive.read(name).decode("utf-8") for name in archive.namelist())


def export(settings, run_id, tmp_path, **options):
    path = tmp_path / "out.swrun"
    return exporting.export(settings, run_id, path, cancel=threading.Event(), **options)


def test_an_export_plays_the_same_events_and_has_the_same_results(settings, own_run, tmp_path):
    found = export(settings, own_run, tmp_path)
    with recording.open_file(found.path) as opened:
        kept = list(journal.read(settings.runs / own_run / "journal.jsonl"))
        assert list(opened.events) == kept, "what has nothing to mask comes through unchanged"
        assert opened.run_id == own_run
        one, other = results.load(opened.folder), results.load(settings.runs / own_run)
        assert one.metrics.as_dict() == other.metrics.as_dict()
        assert one.scores.tolist() == other.scores.tolist()
    assert not opened.folder.exists(), "closing takes away what was unpacked"
    assert found.left_out == () or "vertebral" in found.left_out[0]


def test_the_same_run_gives_the_same_bytes(settings, own_run, tmp_path):
    first = exporting.recorded(settings, own_run, cancel=threading.Event())[0]
    assert exporting.recorded(settings, own_run, cancel=threading.Event())[0] == first


def test_a_file_that_is_there_stays_unless_asked(settings, own_run, tmp_path):
    path = tmp_path / "out.swrun"
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="is there already"):
        export(settings, own_run, tmp_path)
    assert path.read_bytes() == b"mine"
    export(settings, own_run, tmp_path, replace=True)
    assert swrun.unpack(path)
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_names_and_folders_that_do_not_fit_are_refused(settings, own_run, tmp_path):
    cancel = threading.Event()
    with pytest.raises(UsageError, match=r"is a \.swrun file, and out\.zip is not"):
        exporting.export(settings, own_run, tmp_path / "out.zip", cancel=cancel)
    with pytest.raises(UsageError, match="cannot be written"):
        exporting.export(settings, own_run, tmp_path / "none" / "out.swrun", cancel=cancel)
    with pytest.raises(UsageError, match="no run"):
        exporting.export(settings, "20200101-000000-aaaa", tmp_path / "out.swrun", cancel=cancel)


WORDS = st.text("abcdefghijkmnopqrstuvwxyz", min_size=6, max_size=10).map(lambda word: f"Zq{word}")
ACCOUNTS = st.integers(10**11, 10**12 - 1).map(str).filter(lambda n: n != "000000000000")
SECRETS = st.text("ABCDEFabcdef0123456789/+", min_size=34, max_size=34).map(lambda text: f"Aa0xY/{text}")


@hypothesis_settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(account=ACCOUNTS, role=WORDS, user=WORDS, secret=SECRETS, data=st.data())
def test_planted_secrets_accounts_roles_and_names_are_nowhere(
    settings, own_run, monkeypatch, account, role, user, secret, data
):
    monkeypatch.setenv("USER", user)
    key = f"AKIA{data.draw(st.text('ABCDEFGHIJ234567', min_size=16, max_size=16))}"
    folder = settings.runs / own_run
    original = (folder / "journal.jsonl").read_bytes()
    arn = f"arn:aws:iam::{account}:role/service-role/{role}"
    base = {"run_id": own_run, "sequence": 10_000, "time": 1.8e9}
    planted = [
        ev.Warned(**base, step="train", message=f"{arn}: ask {user} at /home/{user}/x, {settings.home}"),
        ev.LogLines(**base, job="j", stream="s", timestamps=(1, 1, 1), lines=(
            f"aws_secret_access_key = {secret}", f"key {key} {secret} of s3://sagemaker-eu-west-1-{account}/x",
            f"arn:aws:sts::{account}:assumed-role/{role}/{user}: role {role} is not there")),
        ev.ApiCalled(**base, service="iam", operation="GetRole", seconds=0.1, attempt=1, error_code="",
                     error_message="", request={"RoleName": role, "Password": "hunter-" + user},
                     response={"Arn": arn, "SecretAccessKey": secret, "Tags": [{"owner": user.upper()}]}),
    ]  # fmt: skip
    (folder / "journal.jsonl").write_bytes(original + b"".join(event.to_json() + b"\n" for event in planted))
    try:
        text = contents(exporting.recorded(settings, own_run, cancel=threading.Event())[0])
    finally:
        (folder / "journal.jsonl").write_bytes(original)
    for word in (account, role, user, secret, key, str(settings.home), f"/home/{user}"):
        assert word.lower() not in text.lower(), word
    assert "382416733822" in text or "683313688378" in text or "dkr.ecr" in text, (
        "public images stay readable"
    )


def test_the_veil_leaves_figures_and_public_accounts_alone(settings):
    veil = veil_for(settings, environ={})
    for text in (
        "accuracy 0.030000796541571617 after 139668188384128 steps",
        "382416733822.dkr.ecr.us-east-1.amazonaws.com/linear-learner:1",
        "s3://bucket/key/2026-11-21T04:45:32Z",
        "2b69196a42f23c0b00851cb59aae2a0a",
    ):
        assert veil.text(text) == text
    assert veil.text("111122223333.dkr.ecr.us-east-1.amazonaws.com/mine:1").startswith("000000000000.dkr")


def test_a_masked_recipe_is_still_a_recipe(settings):
    veil = Veil(names=["alicia"], folders={"/home/alicia": "~"})
    assert veil.recipe("path: alicia.csv\n# token=abcdef\n") == "path: masked.csv\n# token=masked\n"


def test_the_shipped_records_are_small_current_and_what_they_say(shipped):
    assert set(shipped) == {"mnist-linear-learner", "vertebral-xgboost"}
    for name, path in shipped.items():
        assert path.stat().st_size < 300_000
        with recording.open_file(path) as found:
            assert found.recipe.name == name
            assert isinstance(found.events[-1], ev.RunFinished)
            assert found.events[-1].complete
            ended = found.events[-1].metrics
            assert results.load(found.folder).metrics.as_dict()["f1"] == pytest.approx(ended["f1"])
            assert ended["f1"] > (0.95 if name.startswith("mnist") else 0.8)
            table, look = found.table(), found.look()
            assert table.has(1)
            assert len(look.values) <= 200
            assert len(look.values) * len(look.columns) <= exporting.MOST_CELLS
        text = contents(path.read_bytes())
        assert "123456789012" not in text
        assert "/root" not in text and "/home/" not in text and "/work" not in text


def test_mnist_itself_is_not_in_its_record(shipped):
    with recording.open_file(shipped["mnist-linear-learner"]) as found:
        table = found.table()
        pictures = sum(table.has(row) for row in range(1, len(table.parts["test"]) + 1))
        assert pictures + len(found.look().values) <= 80


def test_looking_at_a_run_of_this_home_downloads_nothing(settings, own_run):
    opened = recording.open_recording(own_run, settings)
    with pytest.raises(UsageError, match="downloads nothing"):
        opened.table()


def test_rows_that_were_tampered_with_are_an_error_in_words(tmp_path, shipped):
    about, members = swrun.unpack(shipped["vertebral-xgboost"])
    body = json.loads(members["rows.json"])
    path = tmp_path / "a.swrun"
    for change in ({"rows": {"99999": [0.0] * 6}}, {"labels": []}, {"columns": ["a"]}, {"targets": "x"}):
        path.write_bytes(swrun.pack(about, {**members, "rows.json": json.dumps({**body, **change}).encode()}))
        with (
            recording.open_file(path) as found,
            pytest.raises(UsageError, match=r"rows.json .* cannot be read"),
        ):
            found.table()
