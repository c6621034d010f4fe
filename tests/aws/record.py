"""Records every call of the program on its way to AWS, with the sandbox in AWS's place.

`make permissions` writes docs/iam-permissions.md anew.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
from botocore.awsrequest import AWSResponse

from sagewizard import events as ev
from sagewizard.aws import billed, doctor, permissions, role_making, ttl_role
from sagewizard.aws import session as sessions
from sagewizard.engine import Engine, discovery, inventory, log_removal, ttl, uploads
from sagewizard.engine.ledger import Ledger
from sagewizard.engine.steps import STEPS, Step
from sagewizard.engine.ttl import Ttl
from sagewizard.recipe import finding
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "iam-permissions.md"
ROLE = "SageWizardSandboxRole"
TITLES = {
    "open": "before the first step",
    "plan": "plan (quotas, prices)",
    **{name: f"step {name}" for name in STEPS},
    "resources": "`resources`",
    "clean": "`teardown`, with jobs at work",
    "ttl": "`--ttl`, before the first step",
    "billed": "`cost --billed`",
    "doctor": "`doctor`",
    "create-role": "`doctor --create-role`",
    "create-ttl-role": "`doctor --create-ttl-role`",
}


class Session:
    """What boto3's session is for the program: its clients speak to the sandbox, and every call is heard."""

    def __init__(self, address, region, hear) -> None:
        keys = address.credentials
        self._inner = boto3.session.Session(
            keys.access_key, keys.secret_key, keys.session_token, region_name=region
        )
        self._url = address.endpoint_url
        self._hear = hear
        self.region_name = region
        self.get_credentials = self._inner.get_credentials
        self.get_available_regions = self._inner.get_available_regions

    def client(self, service, region_name=None, config=None, endpoint_url=None):
        made = self._inner.client(
            service, region_name=region_name or self.region_name, config=config, endpoint_url=self._url
        )
        made.meta.events.register("provide-client-params", self._before)
        made.meta.events.register("after-call", self._after)
        # The sandbox has no quotas; the form of the answer is that of the service's model.
        for operation in ("ListAWSDefaultServiceQuotas", "ListServiceQuotas"):
            made.meta.events.register(f"before-call.service-quotas.{operation}", _no_quotas)
        return made

    def _before(self, params, model, **_more):
        self._hear(model.service_model.service_name, model.name, params)

    def _after(self, model, **_more):
        self._hear(model.service_model.service_name, model.name, None)


def _no_quotas(**_more):
    return AWSResponse("https://nowhere.invalid", 200, {}, None), {"Quotas": []}


def _no_costs(**_more):
    return AWSResponse("https://nowhere.invalid", 200, {}, None), {"ResultsByTime": []}


class Recording:
    """All calls so far: part of the program -> `service Operation` -> IAM actions; and the calls in order."""

    def __init__(self) -> None:
        self.part = "open"
        self.calls: dict[str, dict[str, tuple[str, ...]]] = {}
        self.order: list[tuple[str, str, dict[str, Any]]] = []
        self.at: dict[str, threading.Event] = {}
        self.watch = None

    def hear(self, service, operation, params) -> None:
        if params is None:
            if operation in self.at:
                self.at[operation].set()
            return
        if self.watch is not None:
            self.watch(service, operation, params)
        self.order.append((service, operation, params))
        needed = permissions.actions(service, operation, params)
        known = self.calls.setdefault(self.part, {}).get(f"{service} {operation}", ())
        self.calls[self.part][f"{service} {operation}"] = tuple(dict.fromkeys((*known, *needed)))

    @property
    def operations(self) -> set[str]:
        return {operation for _service, operation, _params in self.order}

    @contextlib.contextmanager
    def in_part(self, part):
        before, self.part = self.part, part
        try:
            yield
        finally:
            self.part = before

    @contextlib.contextmanager
    def installed(self):
        """Let the program take the sandbox for AWS, and each step be told apart."""
        recording, plain = self, Step.run

        def run(step, context):
            with recording.in_part(step.name):
                return plain(step, context)

        with mock.patch.object(Step, "run", run), mock.patch.object(sessions, "check_endpoint"):
            yield self


def opened(recording, settings, address, region, role=None):
    """Open the account as `--target aws` does."""
    with recording.in_part("open"):
        target = sessions.open_aws(
            settings, role=role, confirm=lambda _account: True, environ={},
            make_session=lambda **_: Session(address, region, recording.hear),
        )  # fmt: skip
    target.poll_seconds = 0.2
    return target


def record(settings: Settings, recording: Recording | None = None) -> Recording:
    """Make every kind of call: opening, plan, each step, jobs stopped at work, data deleted, doctor."""
    recording = recording or Recording()
    address = launcher.ensure(settings)
    digits = finding.load("digits-linear-learner")
    whole = digits.with_settings(
        {"tune.enabled": "true", "tune.jobs": "2", "train.folds": "2", "teardown.delete_data": "true",
         "teardown.delete_logs": "true", "train.epochs": "2"}
    )  # fmt: skip
    # An end is put off at every look, so that it is recorded however fast the machine is.
    always = mock.patch.object(ttl, "RENEW_SECONDS", 0.0)
    with recording.installed(), always, mock.patch.object(uploads, "PART_BYTES", 1):
        # A region where the bucket is not there yet.
        target = opened(recording, settings, address, "eu-west-1", role=ROLE)
        with recording.in_part("plan"):
            target.quotas.limit("ml.m5.large", "Training")
            target.prices.hourly("eu-west-1", "ml.m5.large", "Training")
            # Prices are asked for in whichever step meters first; here, once and for all.
            target.prices = _Known(target.prices)
        _run(target, settings, whole, ttl=Ttl(7200))
        _renew(target, settings, digits, address)
        with mock.patch.object(uploads, "PART_BYTES", 2**24):
            for operation, changes in (
                ("CreateTrainingJob", {}),
                ("CreateHyperParameterTuningJob", {"tune.enabled": "true", "tune.jobs": "10"}),
                ("CreateTransformJob", {"predict.delete_endpoint": "true"}),
            ):
                # A job may have ended before it could be stopped, on a machine that is busy.
                for _attempt in range(5):
                    _stop_at(recording, target, settings, digits.with_settings(changes), operation)
                    if f"Stop{operation.removeprefix('Create')}" in recording.operations:
                        break
        # A user who names no role; in the sandbox everybody has taken one on.
        user = sessions.Identity("123456789012", "arn:aws:iam::123456789012:user/ada")
        with mock.patch.object(sessions, "identify", lambda *_a, **_k: user):
            opened(recording, settings, address, "eu-west-1")
        _look_and_clean(recording, target, settings)
        _examine(recording, settings, address)
    return recording


class _Known:
    def __init__(self, prices) -> None:
        self._prices = prices

    def hourly(self, region, instance_type, component):
        from sagewizard.aws.prices import TablePrices

        return TablePrices().hourly(region, instance_type, component)


def _renew(target, settings, recipe, address) -> None:
    """Put off the end of an endpoint by its use; make its schedule anew where somebody deleted it."""
    run_id = _run(target, settings, recipe, until="deploy", keep=True, ttl=Ttl(7200))[0].run_id
    (name,) = [e.name for e in Ledger(settings.ledger).alive(run_id=run_id) if e.kind == "endpoint"]
    somebody = Session(address, target.region, lambda *_call: None)
    somebody.client("scheduler").delete_schedule(Name=name)
    _run(target, settings, recipe, run_id=run_id, until="predict", keep=True, ttl=Ttl(7200))


def _look_and_clean(recording, target, settings) -> None:
    """Find by tags, ask what is there, delete with logs and data: `resources` and `teardown --all`."""
    engine = Engine(target, settings=settings)
    with recording.in_part("resources"):
        api = engine.api()
        discovery.adopt(engine, discovery.find(engine, api))
        rows = [e for e in Ledger(settings.ledger).alive() if inventory.belongs(engine, e)]
        inventory.check(engine, rows)
    with recording.in_part("clean"):
        outcome = inventory.delete(engine, rows, cancel=threading.Event(), on_event=lambda _event: None)
        log_removal.remove(api, Ledger(settings.ledger).all())
    assert not outcome.failed, outcome


def _run(target, settings, recipe, **options):
    events = list(Engine(target, settings=settings).run(recipe, **options))
    assert isinstance(events[-1], ev.RunFinished), events[-1]
    return events


def _stop_at(recording, target, settings, recipe, operation) -> None:
    """Cancel the run as soon as a job is created, and tear down while the job is at work."""
    engine = Engine(target, settings=settings)
    recording.at = {operation: threading.Event()}
    end = list(engine.run(recipe, cancel=recording.at[operation]))[-1]
    recording.at = {}
    assert isinstance(end, ev.RunCancelled), end
    with recording.in_part("clean"):
        entries = Ledger(settings.ledger).alive(run_id=end.run_id)
        outcome = inventory.delete(engine, entries, cancel=threading.Event(), on_event=lambda _event: None)
    assert not outcome.failed, outcome


def _examine(recording, settings, address) -> None:
    account = doctor.Account()
    with recording.in_part("doctor"):
        list(
            doctor.look(
                settings, account, recipe=finding.load("digits-linear-learner"), role=ROLE, environ={},
                make_session=lambda **_: Session(address, "eu-west-1", recording.hear),
            )
        )  # fmt: skip
    with recording.in_part("create-role"):
        iam = account.client("iam")
        policy = role_making.permissions(account.bucket)
        role_making.create(iam, "SageWizardExecutionRole", policy, owner="ada")
        # What is done when the policy is refused; the sandbox refuses none.
        iam.delete_role_policy(RoleName="SageWizardExecutionRole", PolicyName=role_making.POLICY_NAME)
        iam.delete_role(RoleName="SageWizardExecutionRole")
        del recording.calls["create-role"]["iam DeleteRolePolicy"]
    number = account.identity.account_id
    with recording.in_part("create-ttl-role"):
        policy, trust = ttl_role.permissions(number), ttl_role.trust(number)
        arn = role_making.create(
            iam, "SageWizardSchedulerRole", policy, owner="ada", trust=trust, policy_name=ttl_role.POLICY_NAME
        )
        iam.delete_role_policy(RoleName="SageWizardSchedulerRole", PolicyName=ttl_role.POLICY_NAME)
        del recording.calls["create-ttl-role"]["iam DeleteRolePolicy"]
    with recording.in_part("ttl"):
        assert ttl_role.problem(iam, arn) == ""
    with recording.in_part("create-ttl-role"):
        iam.delete_role(RoleName="SageWizardSchedulerRole")
    with recording.in_part("billed"):
        costs = account.client("ce")
        costs.meta.events.register("before-call.ce.GetCostAndUsage", _no_costs)
        billed.ask(costs, since=0.0, now=0.0)


def text(recording: Recording) -> str:
    """Return the document of a recording."""
    return permissions.document(recording.calls, TITLES)


def main() -> None:
    """Write the document anew."""
    with tempfile.TemporaryDirectory(prefix="sagewizard-") as folder:
        settings = Settings(home=Path(folder), data=None)
        try:
            DOCUMENT.write_text(text(record(settings)), encoding="utf-8")
        finally:
            launcher.stop(settings, force=True)


if __name__ == "__main__":
    main()
