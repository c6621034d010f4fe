"""Somebody's own boto3 script against the sandbox: all it is given are the variables of `sandbox env`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("plain_boto3.py")


def variables(command) -> dict[str, str]:
    """What `sagewizard sandbox env` exports, as a mapping."""
    lines = command("sandbox", "env").stdout.splitlines()
    return dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))


def test_a_boto3_script_trains_deploys_predicts_and_transforms(command, tmp_path):
    env = {name: value for name, value in command.environ().items() if not name.startswith("SAGEWIZARD")}
    env.pop("PYTHONPATH")
    # From another folder and without this project on its path: the script can only use the address.
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=env | variables(command), cwd=tmp_path, timeout=240, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["status"] == "Completed"
    assert seen["transitions"] == ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert {"train:objective_loss", "validation:binary_classification_accuracy"} <= set(seen["metrics"])
    assert seen["log_lines"] > 100
    assert (seen["invoked"], seen["keys"]) == (3, ["predicted_label", "score"])
    assert seen["transformed"] == 100
    assert seen["accuracy"] > 0.9
    assert seen["endpoints"] == 0
    assert "sagewizard" not in SCRIPT.read_text(encoding="utf-8")
