"""Credentials are in nothing that a run writes: not in its home, not on its streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

PLANTED = {
    "AWS_ACCESS_KEY_ID": "AKIAPLANTEDPLANTED01",
    "AWS_SECRET_ACCESS_KEY": "plantedSecret/K7MDENG+bPxRfiCYEXAMPLEKEY",
    "AWS_SESSION_TOKEN": "plantedToken//////////wEaCXVzLWVhc3QtMSJHMEUCIQD",
}


@pytest.mark.slow
def test_no_secret_is_in_anything_that_a_run_writes(tmp_path):
    home = tmp_path / "home"
    profile = tmp_path / "credentials"
    in_file = "plantedInFile/9rWQx+Zk2LmNoPqRsTuVwXyZ0123456"
    profile.write_text(
        f"[default]\naws_access_key_id=AKIAPLANTEDINFILE001\naws_secret_access_key={in_file}\n"
    )
    env = {
        **os.environ, **PLANTED, "SAGEWIZARD_HOME": str(home), "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip
    settings = Settings(home=home, data=None)
    spoken = b""
    try:
        for arguments in (
            ["run", "digits-linear-learner", "--json"],
            # One that fails, since errors are where secrets slip out.
            ["run", "digits-linear-learner", "--set", "train.max_runtime_seconds=60", "--budget", "0.0001"],
            ["doctor"],
        ):
            done = subprocess.run(
                [sys.executable, "-m", "sagewizard", *arguments], env=env, capture_output=True, timeout=120,
                check=False, cwd=Path(__file__).resolve().parents[2],
            )  # fmt: skip
            assert done.returncode in (0, 6), done.stderr.decode()
            spoken += done.stdout + done.stderr
        keys = launcher.ensure(settings).credentials
    finally:
        launcher.stop(settings, force=True)
    secrets = [*PLANTED.values(), in_file, "AKIAPLANTEDINFILE001"]
    secrets += [keys.secret_key, *([keys.session_token] if keys.session_token else [])]
    found = [secret for secret in secrets if secret.encode() in spoken]
    assert found == []
    written = [path for path in home.rglob("*") if path.is_file()]
    assert sum("runs" in path.parts for path in written) > 5
    own = {str(path.relative_to(home)) for path in written if holds(path, secrets)}
    # The sandbox's own key has to be somewhere: in one file that only its owner may read.
    assert len(own) == 1, own
    (key_file,) = own
    assert key_file.startswith("sandbox/")
    assert (home / key_file).stat().st_mode & 0o077 == 0
    body = (home / key_file).read_bytes()
    assert not any(secret.encode() in body for secret in [*PLANTED.values(), in_file])


def holds(path, secrets):
    body = path.read_bytes()
    # As it is, and as JSON would escape it.
    forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1])}
    return any(form.encode() in body for form in forms)
