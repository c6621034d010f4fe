"""What jobs and endpoints send to CloudWatch beside the metrics of their logs."""

from __future__ import annotations

import os
import sys
import threading
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError

from sagewizard.clock import SystemClock
from sagewizard.sandbox.compute import usage


def test_an_invocation_is_counted_by_instance_with_the_time_around_the_container(
    sandbox, sagemaker, requests
):
    sagemaker.create_model(**requests.model())
    config = requests.endpoint_config()
    config["ProductionVariants"][0]["InitialInstanceCount"] = 4
    sagemaker.create_endpoint_config(**config)
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    runtime = sandbox.client("sagemaker-runtime")
    runtime.invoke_endpoint(EndpointName="e", Body=b"1,2\n")
    with pytest.raises(ClientError, match="Endpoint e is not a multi-model endpoint and does not support"):
        runtime.invoke_endpoint(EndpointName="e", Body=b"1,2\n", TargetModel="m.tar.gz")
    sandbox.services.metrics.flush()
    seen = {minute.name: minute for minute in sandbox.services.metrics.minutes()}
    assert (seen["Invocations"].sum, seen["InvocationsPerInstance"].sum) == (1.0, 0.25)
    assert {seen[name].unit for name in ("ModelLatency", "OverheadLatency")} == {"Microseconds"}
    assert seen["OverheadLatency"].namespace == "AWS/SageMaker"
    assert seen["OverheadLatency"].dimensions == {"EndpointName": "e", "VariantName": "AllTraffic"}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="read from /proc")
def test_what_a_process_and_those_below_it_use_is_sent_while_it_is_watched(monkeypatch, tmp_path):
    monkeypatch.setattr(usage, "FIRST_SECONDS", 0.01)
    seen, whole = {}, threading.Event()

    def add(region, namespace, name, dimensions, value, at, unit):
        seen[name] = (region, namespace, dimensions, value, unit)
        if len(seen) == 3:
            whole.set()

    meter = usage.UsageMeter(SimpleNamespace(clock=SystemClock(), metrics=SimpleNamespace(add=add)))
    with meter.watching("us-east-1", "/aws/x", {"Host": "job/algo-1"}, os.getpid, tmp_path):
        assert whole.wait(60)
    assert seen.keys() == {"CPUUtilization", "MemoryUtilization", "DiskUtilization"}
    for region, namespace, dimensions, value, unit in seen.values():
        assert (region, namespace, dimensions, unit) == (
            "us-east-1",
            "/aws/x",
            {"Host": "job/algo-1"},
            "Percent",
        )
        assert 0 <= value <= 100 * (os.cpu_count() or 1)
    assert usage.use_of(2**22 + 1) is None
