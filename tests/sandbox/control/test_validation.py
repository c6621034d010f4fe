from __future__ import annotations

import json
import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagewizard.sandbox.control import patterns
from sagewizard.sandbox.control.app import OPERATIONS
from sagewizard.sandbox.control.protocol import SerializationException, ServiceError, ValidationException
from sagewizard.sandbox.control.service_model import operation_names, service_model
from sagewizard.sandbox.control.validation import validate

NAME = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


def problem(operation, payload):
    with pytest.raises(ValidationException) as caught:
        validate(operation, payload)
    return caught.value.message


def test_a_bad_name_has_the_services_text():
    assert problem("DescribeTrainingJob", {"TrainingJobName": "health_and-x"}) == (
        "1 validation error detected: Value 'health_and-x' at 'trainingJobName' failed to satisfy constraint:"
        " Member must satisfy regular expression pattern: ^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    )


def test_two_broken_rules_of_one_value_are_two_errors_length_first():
    name = "a_" * 40
    assert problem("DescribeModel", {"ModelName": name}) == (
        f"2 validation errors detected: Value '{name}' at 'modelName' failed to satisfy constraint:"
        f" Member must have length less than or equal to 63; Value '{name}' at 'modelName' failed to satisfy"
        " constraint: Member must satisfy regular expression pattern:"
        r" ^[a-zA-Z0-9]([\-a-zA-Z0-9]*[a-zA-Z0-9])?"
    )


def test_a_missing_required_member_is_null_at_its_path():
    assert problem("StopTransformJob", {}) == (
        "1 validation error detected: Value null at 'transformJobName' failed to satisfy constraint:"
        " Member must not be null"
    )
    assert "Value null at 'algorithmSpecification.trainingInputMode'" in problem(
        "CreateTrainingJob", {"AlgorithmSpecification": {}}
    )


def test_members_of_lists_carry_their_number_from_one():
    text = problem(
        "CreateEndpointConfig",
        {
            "EndpointConfigName": "c",
            "ProductionVariants": [
                {"VariantName": "a", "ModelName": "ok"},
                {"VariantName": "b", "ModelName": "ENTER MODEL NAME", "InstanceType": "ml.foo"},
            ],
        },
    )
    assert text.startswith("2 validation errors detected: ")
    assert "Value 'ENTER MODEL NAME' at 'productionVariants.2.member.modelName'" in text
    assert "Value 'ml.foo' at 'productionVariants.2.member.instanceType' failed to satisfy constraint" in text
    assert "Member must satisfy enum value set: [ml." in text


def test_a_long_hyperparameter_is_reported_at_the_map():
    text = problem(
        "CreateTrainingJob",
        {
            "TrainingJobName": "a",
            "HyperParameters": {"k": "x" * 2501},
            "AlgorithmSpecification": {"TrainingInputMode": "File"},
            "RoleArn": "arn:aws:iam::123456789012:role/x",
            "OutputDataConfig": {"S3OutputPath": "s3://b"},
        },
    )
    assert text == (
        f"1 validation error detected: Value '{{k={'x' * 2501}}}' at 'hyperParameters' failed to satisfy"
        " constraint: Map value must satisfy constraint: [Member must have length less than or equal to 2500,"
        " Member must have length greater than or equal to 0, Member must satisfy regular expression pattern:"
        " .*]"
    )


def test_scalars_in_a_list_are_reported_at_the_list():
    text = problem(
        "CreateModel", {"ModelName": "m", "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["$", "ok"]}}
    )
    assert text == (
        "1 validation error detected: Value '[$, ok]' at 'vpcConfig.subnets' failed to satisfy constraint:"
        " Member must satisfy constraint: [Member must have length less than or equal to 32, Member must have"
        " length greater than or equal to 0, Member must satisfy regular expression pattern: [-0-9a-zA-Z]+]"
    )


@pytest.mark.parametrize(
    ("value", "words"), [(0, "greater than or equal to 1"), (101, "less than or equal to 100")]
)
def test_numbers_out_of_range_are_values_not_lengths(value, words):
    text = problem("ListModels", {"MaxResults": value})
    assert (
        f"Value '{value}' at 'maxResults' failed to satisfy constraint: Member must have value {words}"
        in text
    )


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"ModelName": 1}, "NUMBER_VALUE can not be converted to a String"),
        ({"ModelName": True}, "TRUE_VALUE can not be converted to a String"),
        ({"ModelName": ["a"]}, "Start of structure or map found where not expected."),
        ({"ModelName": "a", "PrimaryContainer": "x"}, "Expected structure or null"),
        ({"ModelName": "a", "Containers": {}}, "Unrecognized collection type: expected list"),
        (
            {"ModelName": "a", "EnableNetworkIsolation": "true"},
            "STRING_VALUE can not be converted to a Boolean",
        ),
    ],
)
def test_wrong_json_types_are_serialization_errors(payload, words):
    with pytest.raises(SerializationException) as caught:
        validate("CreateModel", payload)
    assert caught.value.message == words


@pytest.mark.parametrize("value", [1 << 31, 1e300, -(1 << 40)])
def test_numbers_that_do_not_fit_are_serialization_errors(value):
    with pytest.raises(SerializationException):
        validate("ListModels", {"MaxResults": value})


def test_members_the_model_does_not_know_are_dropped():
    assert validate("DescribeModel", {"ModelName": "a", "Colour": "red"}) == {"ModelName": "a"}
    assert validate("DescribeModel", {"ModelName": "a", "Colour": None}) == {"ModelName": "a"}


def test_null_members_of_lists_and_maps_are_named():
    assert "Value null at 'tags.1.member'" in problem(
        "AddTags", {"ResourceArn": "arn:aws:sagemaker:a:123456789012:x", "Tags": [None]}
    )


@given(st.text(alphabet="aZ09-_. é\n", max_size=70))
def test_names_are_judged_as_java_would(name):
    expected = re.fullmatch(NAME, name) is not None and 1 <= len(name) <= 63
    try:
        validate("DescribeTrainingJob", {"TrainingJobName": name})
        assert expected
    except ValidationException as error:
        assert not expected
        assert f"Value '{name}' at 'trainingJobName'" in error.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(OPERATIONS)), st.data())
def test_whatever_comes_in_is_accepted_or_refused_by_a_service_error(operation, data):
    members = sorted(service_model().operation_model(operation).input_shape.members)
    payload = data.draw(st.dictionaries(st.sampled_from(members), JSON, max_size=4))
    try:
        clean = validate(operation, payload)
    except ServiceError as error:
        assert re.match(r"\d+ validation errors? detected: Value |\w", error.message)
        count = re.match(r"(\d+) validation", error.message)
        if count and "; Value" not in json.dumps(payload):
            assert error.message.count(" failed to satisfy constraint: ") >= int(count[1])
    else:
        assert set(clean) <= set(members)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("", True),
        ("Project: a/b=c+d-e@f_g.h", True),
        ("été 2026", True),
        ("名前", True),
        ("a;b", False),
        ("a\u0000", False),
        ("\u20ac", False),
    ],
)
def test_tag_patterns_know_unicode_categories(text, good):
    assert patterns.matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", text) is good


@pytest.mark.parametrize("newline", ["\n", "\r", "\u0085", "\u2028"])
def test_a_dot_stops_at_every_java_line_end(newline):
    assert not patterns.matches(".*", f"a{newline}b")
    assert patterns.matches(r"[\S\s]*", f"a{newline}b")


def test_every_pattern_of_the_operations_that_are_here_can_be_expressed():
    def walk(shape, seen):
        if shape is None or shape.name in seen:
            return
        seen.add(shape.name)
        pattern = shape.metadata.get("pattern")
        if pattern:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                assert patterns._compiled(pattern)[0] is not None, (shape.name, pattern)
        for inner in (
            *(getattr(shape, "members", None) or {}).values(),
            getattr(shape, "member", None),
            getattr(shape, "key", None),
            getattr(shape, "value", None),
        ):
            walk(inner, seen)

    for operation in OPERATIONS:
        walk(service_model().operation_model(operation).input_shape, set())


def test_every_operation_here_is_one_of_sagemakers():
    assert set(OPERATIONS) <= operation_names()


def test_an_operation_that_is_not_here_is_named_and_an_invented_one_is_unknown(sandbox):
    def call(target, body=b"{}"):
        answer = sandbox.call("POST", "http://127.0.0.1/", {"X-Amz-Target": target}, body)
        return answer.status_code, json.loads(answer.get_data()), answer.headers

    status, body, headers = call("SageMaker.CreateNotebookInstance")
    assert (status, body["__type"]) == (400, "NotImplementedException")
    assert "SageMaker's operation CreateNotebookInstance. docs/sandbox.md lists" in body["message"]
    assert headers["x-amzn-ErrorType"] == "NotImplementedException" and headers["x-amzn-RequestId"]
    status, body, _ = call("SageMaker.MakeCoffee")
    assert (status, body["__type"]) == (400, "UnknownOperationException")
    status, body, _ = call("S3.PutObject")
    assert (status, body["__type"]) == (400, "UnknownOperationException")


@pytest.mark.parametrize("body", [b"{", b"[]", b"1", b"\xff\xfe", b'{"ModelName": NaN}', b"[" * 5000])
def test_a_body_that_is_no_json_object_is_a_serialization_error(sandbox, body):
    answer = sandbox.call("POST", "http://127.0.0.1/", {"X-Amz-Target": "SageMaker.DescribeModel"}, body)
    assert answer.status_code == 400
    assert json.loads(answer.get_data())["__type"] == "SerializationException"


def test_a_body_beyond_any_request_is_refused(sandbox):
    answer = sandbox.call(
        "POST", "http://127.0.0.1/", {"X-Amz-Target": "SageMaker.DescribeModel"}, b" " * (4 * 1024 * 1024 + 1)
    )
    assert answer.status_code == 413
