from __future__ import annotations

import threading

import pytest

REASON = "InternalServerError: The sandbox was stopped while this job was running. Start the job again."


@pytest.fixture
def hanging(sandbox, requests):
    """A sandbox whose jobs run until they are released."""
    release, running = threading.Event(), threading.Semaphore(0)

    def hang(*args):
        running.release()
        release.wait(20)
        raise OSError("the machine is gone")

    sandbox.compute.on_train = sandbox.compute.on_transform = hang
    yield sandbox, running
    release.set()
    sandbox.settle()


def test_jobs_that_were_running_are_failed_with_a_reason_and_stopping_ones_stopped(hanging, requests):
    sandbox, running = hanging
    sagemaker = sandbox.client()
    sagemaker.create_training_job(**requests.training_job("runs"))
    sagemaker.create_training_job(**requests.training_job("stops"))
    assert running.acquire(timeout=120) and running.acquire(timeout=120)
    sagemaker.stop_training_job(TrainingJobName="stops")
    sagemaker.create_training_job(**requests.training_job("waits"))
    sagemaker.create_model(**requests.model())
    sagemaker.create_transform_job(**requests.transform_job("batch"))
    again = sandbox.restart()
    again.app.recover()
    sagemaker = again.client()
    for name in ("runs", "waits"):
        job = sagemaker.describe_training_job(TrainingJobName=name)
        assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Failed", "Failed")
        assert job["FailureReason"] == REASON
        assert job["SecondaryStatusTransitions"][-1]["StatusMessage"] == "Training job failed"
    assert sagemaker.describe_training_job(TrainingJobName="stops")["TrainingJobStatus"] == "Stopped"
    batch = sagemaker.describe_transform_job(TransformJobName="batch")
    assert (batch["TransformJobStatus"], batch["FailureReason"]) == ("Failed", REASON)
    assert again.app.busy() == []


def test_endpoints_serve_again_and_requests_that_come_early_wait_for_them(sandbox, sagemaker, requests):
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    sagemaker.delete_model(ModelName="model-1")
    again = sandbox.restart()
    again.compute.may_start.clear()
    again.app.recover()
    assert again.client().describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    answers = []
    runtime = again.client("sagemaker-runtime")
    asking = threading.Thread(
        target=lambda: answers.append(runtime.invoke_endpoint(EndpointName="e", Body=b"1")["Body"].read())
    )
    asking.start()
    again.compute.may_start.set()
    asking.join(120)
    assert answers == [b"AllTraffic"]
    again.app.close()


@pytest.mark.parametrize(
    ("status", "pending", "served"),
    [
        ("Creating", None, "model-1"),
        ("InService", None, "model-1"),
        ("Updating", "model-2", "model-2"),
        ("Updating", None, "model-1"),
        ("RollingBack", None, "model-1"),
        ("Deleting", None, None),
        ("Failed", None, None),
    ],
)
def test_every_status_an_endpoint_can_be_found_in_comes_to_rest(
    sandbox, sagemaker, requests, status, pending, served
):
    for name in ("model-1", "model-2"):
        sagemaker.create_model(**requests.model(name))
    sagemaker.create_endpoint_config(**requests.endpoint_config("config-1"))
    sagemaker.create_endpoint_config(**requests.endpoint_config("config-2", 1.0, model="model-2"))
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    repository = sandbox.app._control.repository
    if pending:
        sagemaker.create_endpoint(EndpointName="other", EndpointConfigName="config-2")
        sandbox.settle()

    def as_if_killed(endpoint):
        endpoint.status = status
        if pending:
            other = repository.find("us-east-1", "endpoint", "other").body
            endpoint.body["pending"] = other | {"StartTime": 1.0}

    repository.change("us-east-1", "endpoint", "e", as_if_killed)
    again = sandbox.restart()
    again.app.recover()
    again.settle()
    found = again.app._control.repository.find("us-east-1", "endpoint", "e")
    live = again.app._control.hosting.find("us-east-1", "e")
    if served is None:
        assert live is None
        assert (found.status if found else "gone") == {"Failed": "Failed", "Deleting": "gone"}[status]
    else:
        assert found.status == "InService" and "pending" not in found.body
        assert live.fleet.routes[0].server.spec.model["ModelName"] == served
    again.app.close()


def test_an_endpoint_that_cannot_come_back_is_failed_and_says_why(sandbox, sagemaker, requests):
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    again = sandbox.restart()
    again.compute.ping_failure["model-1"] = "Model data is gone."
    again.app.recover()
    again.settle()
    endpoint = again.client().describe_endpoint(EndpointName="e")
    assert (endpoint["EndpointStatus"], endpoint["FailureReason"]) == ("Failed", "Model data is gone.")
    again.app.close()


def test_closing_ends_jobs_as_failed_with_the_reason_and_leaves_endpoints_in_service(make_sandbox, requests):
    sandbox = make_sandbox()
    sagemaker = sandbox.client()
    running = threading.Event()

    def train(request, on_status, stop):
        on_status("Training", "Training image download completed. Training in progress.")
        running.set()
        assert stop.wait(120)
        outcome = sandbox.compute.complete(request, on_status)
        outcome.status = "Stopped"
        return outcome

    sandbox.compute.on_train = train
    sagemaker.create_model(**requests.model())
    sagemaker.create_endpoint_config(**requests.endpoint_config())
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    sagemaker.create_training_job(**requests.training_job())
    assert running.wait(120)
    assert sandbox.app.busy() == ["training job job-1"]
    sandbox.app.close()
    job = sagemaker.describe_training_job(TrainingJobName="job-1")
    assert (job["TrainingJobStatus"], job["FailureReason"]) == ("Failed", REASON)
    assert sagemaker.describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    assert sandbox.compute.servers[0].stopped


def test_what_was_acknowledged_is_there_after_a_restart(sandbox, sagemaker, requests):
    sagemaker.create_model(**requests.model(Tags=[{"Key": "k", "Value": "v"}]))
    sagemaker.create_training_job(**requests.training_job())
    sandbox.settle()
    before = sagemaker.describe_training_job(TrainingJobName="job-1")
    again = sandbox.restart()
    again.app.recover()
    after = again.client().describe_training_job(TrainingJobName="job-1")
    before.pop("ResponseMetadata"), after.pop("ResponseMetadata")
    assert after == before
    arn = again.client().describe_model(ModelName="model-1")["ModelArn"]
    assert again.client().list_tags(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]


@pytest.fixture
def coming_back(sandbox, sagemaker, requests):
    """A restarted server whose endpoint `e` was in service and whose container is not up yet."""
    for name in ("model-1", "model-2"):
        sagemaker.create_model(**requests.model(name))
    sagemaker.create_endpoint_config(**requests.endpoint_config("config-1"))
    sagemaker.create_endpoint_config(**requests.endpoint_config("config-2", 1.0, model="model-2"))
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="config-1")
    sandbox.settle()
    again = sandbox.restart()
    again.compute.may_start.clear()
    again.app.recover()
    yield again
    again.compute.may_start.set()
    again.app.close()


def test_an_endpoint_deleted_while_it_comes_back_leaves_no_container(coming_back):
    coming_back.client().delete_endpoint(EndpointName="e")
    coming_back.compute.may_start.set()
    coming_back.settle()
    assert coming_back.client().list_endpoints()["Endpoints"] == []
    assert [server.stopped for server in coming_back.compute.servers] == [True]


def test_an_endpoint_updated_while_it_comes_back_ends_with_the_new_variant(coming_back):
    coming_back.client().update_endpoint(EndpointName="e", EndpointConfigName="config-2")
    coming_back.compute.may_start.set()
    coming_back.settle()
    endpoint = coming_back.client().describe_endpoint(EndpointName="e")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "config-2")
    old, new = coming_back.compute.servers
    assert (old.spec.model["ModelName"], old.stopped) == ("model-1", True)
    assert (new.spec.model["ModelName"], new.stopped) == ("model-2", False)


def test_a_server_closed_while_an_endpoint_comes_back_leaves_it_in_service(coming_back):
    closing = threading.Thread(target=coming_back.app.close)
    closing.start()
    coming_back.compute.may_start.set()
    closing.join(20)
    assert not closing.is_alive()
    assert coming_back.client().describe_endpoint(EndpointName="e")["EndpointStatus"] == "InService"
    assert all(server.stopped for server in coming_back.compute.servers)
