"""PyTorch scripts and models through the SDKs, where torch is installed beside SageWizard."""

from __future__ import annotations

import re

import pytest

TORCHRUN = (
    "torchrun --nnodes 2 --nproc_per_node 1 --master_addr algo-1 --master_port {} --node_rank {} ranks.py"
)


def test_estimators_fit_deploy_tune_fail_stop_and_process(run_script):
    text, seen = run_script("estimators.py")
    for version in ("1.5.0", "2.6.0"):
        assert seen[version]["accuracy"] > 0.8 and seen[version]["average test loss"] < 1
    digits, labels, kind = seen["npy"]
    assert sum(a == b for a, b in zip(digits, labels, strict=True)) >= 9
    assert seen["json"] == digits and kind == "float64"
    assert seen["tuned"] == [True, True]
    assert "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)" in seen["wrong"]
    assert "AlgorithmError: ExecuteUserScriptError:\nExitCode 1" in seen["wrong"]
    assert seen["stopped"] == ["Stopped", "model.tar.gz"]
    assert seen["processed"] == [0, 2, 4]
    assert "the script runs with the installed torch" in text
    assert "SM_FRAMEWORK_MODULE=sagemaker_pytorch_container.training:main" in text


def test_models_serve_with_the_images_functions_and_with_their_own(run_script):
    _, seen = run_script("models.py")
    want = [pytest.approx(row, abs=1e-6) for row in seen["want"]]
    found, kind = seen["npy"]
    assert found == want and kind == "float64"
    assert seen["json"][0] == "application/json"
    kind, body = seen["csv"]
    assert kind == "text/csv"
    assert [[float(x) for x in line.split(",")] for line in body.splitlines()] == want
    status, said = seen["shape"]
    assert status == 500 and "RuntimeError: mat1 and mat2 shapes cannot be multiplied" in said
    status, said = seen["type"]
    assert status == 500 and said.startswith("Content type text/plain is not supported by this framework.")
    assert seen["batch"] == want * 5
    for name in ("own", "inside"):
        assert seen[name]["scores"] == want and seen[name]["type"] == "application/json"


def test_two_hosts_train_one_model_together(run_script):
    text, seen = run_script("hosts.py")
    assert sorted(seen["gloo"]) == ["model.pth", "sum-algo-1.txt", "sum-algo-2.txt"]
    first, second = (float(seen["gloo"][f"sum-algo-{n}.txt"]) for n in (1, 2))
    assert first == pytest.approx(second, abs=1e-4), "gradients were averaged, so the weights are the same"
    assert "algo-2 is rank 1 of 2" in text
    assert seen["torchrun"] == {"model.pth": None}
    for rank in range(2):
        assert f"RANK {rank} OF 2 on algo-{rank + 1} sum 1 [1.0, 2.0, 3.0, 4.0]" in text
        assert re.search(TORCHRUN.format(r"\d+", rank), text)
    assert "ValueError: rank 1 has had enough" in seen["failed"]


def test_version_3_of_the_sdk_starts_torchrun_on_every_host(run_script, sdk3_python):
    text, seen = run_script("trainer3.py", sdk3_python)
    assert seen == {"status": "Completed"}, text[-4000:]
    for rank, host in enumerate((1, 1, 2, 2)):
        assert f"RANK {rank} OF 4 on algo-{host} sum 6 [1.0, 2.0, 3.0, 4.0]" in text
