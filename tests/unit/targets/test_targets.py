"""Opening a target by its name."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from sagewizard import targets
from sagewizard.errors import UsageError
from sagewizard.sandbox import launcher
from sagewizard.settings import Settings
from sagewizard.target import Credentials


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path, data=None)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("sandbx", "Did you mean sandbox? Choose one of sandbox, aws."), ("gcp", "Choose one of sandbox, aws.")],
)
def test_an_unknown_name_is_an_error_with_the_choices(settings, name, remedy):
    with pytest.raises(UsageError, match=f"no target '{name}'") as caught:
        targets.open_target(name, settings)
    assert caught.value.remedy == remedy


@pytest.mark.parametrize("option", ["profile", "role"])
def test_the_sandbox_takes_nobodys_profile_or_role(settings, option):
    with pytest.raises(UsageError, match=f"--{option} x was given"):
        targets.open_target("sandbox", settings, **{option: "x"})
    assert list(settings.home.iterdir()) == []


def test_aws_without_a_confirmation_is_refused(settings):
    with pytest.raises(UsageError, match="confirm the account"):
        targets.open_target("aws", settings)


def test_the_sandboxs_target_is_simulated_and_priced_by_the_table(settings, monkeypatch):
    keys = Credentials("SANDBOXKEY", "secret")
    server = SimpleNamespace(endpoint_url="http://127.0.0.1:4242", credentials=keys)
    monkeypatch.setattr(launcher, "ensure", lambda given: server if given is settings else None)
    target = targets.open_target("sandbox", settings)
    assert target.simulated
    assert target.endpoint_url == "http://127.0.0.1:4242"
    assert target.credentials is keys
    assert (target.region, target.account_id) == ("us-east-1", "123456789012")
    assert target.role_arn == "arn:aws:iam::123456789012:role/SageWizardSandboxRole"
    assert target.bucket == "sagemaker-us-east-1-123456789012"
    assert 0.1 <= target.poll_seconds <= 1
    price = target.prices.hourly("us-east-1", "ml.c4.xlarge", "Training")
    assert price is not None
    assert price.source.startswith("table of 2026-11-20")
    elsewhere = targets.open_target("sandbox", settings, region="eu-west-1")
    assert (elsewhere.region, elsewhere.bucket) == ("eu-west-1", "sagemaker-eu-west-1-123456789012")


def test_importing_it_loads_neither_boto3_nor_the_sandbox():
    code = (
        "import sys, sagewizard.targets;"
        "sys.exit(any(m.split('.')[0] in ('boto3', 'botocore', 'numpy') or m.startswith('sagewizard.sandbox')"
        " for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
