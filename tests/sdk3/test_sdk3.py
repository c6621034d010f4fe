"""Unchanged code for version 3 of the SageMaker SDK, which needs an environment of its own (527 MB).

Make it with `python -m venv FOLDER && FOLDER/bin/pip install 'sagemaker>=3' boto3`, then run
`SAGEWIZARD_SDK3_PYTHON=FOLDER/bin/python pytest -m sdk3`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

HERE = Path(__file__).resolve().parent
PYTHON = os.environ.get("SAGEWIZARD_SDK3_PYTHON", "")


@pytest.mark.sdk3
@pytest.mark.slow
@pytest.mark.skipif(not PYTHON, reason="SAGEWIZARD_SDK3_PYTHON names no Python with sagemaker 3")
def test_a_model_trainer_trains_and_the_core_resources_deploy(tmp_path):
    home = tmp_path / "home"
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "SAGEWIZARD_", "SAGEMAKER_"))}
    environ = kept | {"PYTHONPATH": str(HERE.parents[1]), "SAGEWIZARD_HOME": str(home)}
    command = [sys.executable, "-m", "sagewizard", "sandbox", "exec", "--", PYTHON]
    try:
        done = subprocess.run(
            [*command, str(HERE / "model_trainer.py")], env=environ, cwd=tmp_path, timeout=280, check=False,
            capture_output=True, encoding="utf-8",
        )  # fmt: skip
    finally:
        launcher.stop(Settings(home=home, data=None), force=True)
    assert done.returncode == 0, done.stderr[-4000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["role"] == "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
    assert seen["status"] == "Completed"
    assert [each["predicted_label"] for each in seen["answer"]["predictions"]] == [1, 0]
