"""Masking: no secret gets through, what is harmless stays readable."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.mask import MASK, mask, mask_text

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.mark.parametrize(
    "value",
    [
        {"SecretAccessKey": SECRET},
        {"Credentials": {"SessionToken": SECRET}},
        {"Environment": {"DB_PASSWORD": SECRET, "API_KEY": SECRET}},
        {"Headers": {"Authorization": SECRET}},
        f"https://b.s3.amazonaws.com/k?X-Amz-Signature={SECRET}&x=1",
        f"https://b.s3.amazonaws.com/k?X-Amz-Security-Token={SECRET}",
        f"aws_secret_access_key = {SECRET}",
        f"password: {SECRET}",
        f"https://me:{SECRET.replace('/', '')}@example.org/",
        [f"token={SECRET}"],
        (b"password=" + SECRET.encode(),),
    ],
)
def test_a_secret_is_masked_by_its_name_or_its_form(value):
    text = json.dumps(mask(value))
    assert SECRET not in text
    assert SECRET.replace("/", "") not in text
    assert MASK in text


def test_access_keys_are_masked_anywhere():
    assert "AKIAIOSFODNN7EXAMPLE" not in mask_text("the key AKIAIOSFODNN7EXAMPLE is wrong")


@given(st.text(min_size=6, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_a_known_secret_never_gets_through(secret, before, after):
    if secret in MASK or any(part in secret for part in (MASK,)):
        return
    shown = mask({"a": [before + secret + after]}, [secret])["a"][0]
    assert secret not in shown or secret in before + MASK + after


def test_what_is_harmless_stays():
    value = {
        "TrainingJobName": "sw-1-train",
        "HyperParameters": {"epochs": "5"},
        "nextForwardToken": "f/1",
        "NextToken": "n",
        "Count": 3,
        "Tags": [{"Key": "sagewizard:run", "Value": "r"}],
        "Flag": True,
    }
    assert mask(value) == value


def test_long_values_are_cut_and_say_so():
    shown = mask({"Body": "x" * 5000, "Items": list(range(80)), "Raw": b"\xff" * 10})
    assert shown["Body"].endswith("(3,000 more characters)")
    assert shown["Items"][-1] == "... (30 more)"
    assert shown["Raw"] == "<10 bytes>"
    assert len(mask("x" * 5000, cut=False)) == 5000


def test_a_circle_ends():
    circle: dict = {}
    circle["self"] = circle
    assert "..." in json.dumps(mask(circle))
