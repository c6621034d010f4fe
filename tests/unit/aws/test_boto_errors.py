"""What botocore raises, as errors that a person can act on."""

import subprocess
import sys

import pytest
from botocore import exceptions as boto

from sagewizard.boto_errors import error_code, is_boto, translate, translated
from sagewizard.errors import (
    CredentialsError,
    JobFailedError,
    SageWizardError,
    SandboxError,
    TargetError,
    UsageError,
)


def service_error(code, message="", operation="CreateTrainingJob", status=400, **extra):
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **extra,
    }
    return boto.ClientError(response, operation)


DENIED = (
    "User: arn:aws:iam::111122223333:user/ada is not authorized to perform: sagemaker:CreateTrainingJob on "
    "resource: arn:aws:sagemaker:us-east-1:111122223333:training-job/x because no policy allows it"
)
QUOTA = (
    "The account-level service limit 'ml.p3.2xlarge for training job usage' is 0 Instances, with current "
    "utilization of 0 Instances and a request delta of 1 Instances."
)


@pytest.mark.parametrize(
    ("error", "kind", "message", "remedy"),
    [
        (service_error("ExpiredTokenException", "expired"), CredentialsError, "expired", "aws sso login"),
        (service_error("ExpiredToken"), CredentialsError, "have expired", "resume the run"),
        (service_error("UnrecognizedClientException"), CredentialsError, "not accept", "get-caller-id"),
        (service_error("RequestTimeTooSkewed"), CredentialsError, "clock", "Set the clock"),
        (service_error("ThrottlingException", "Rate exceeded"), TargetError, "slow down", "Wait a min"),
        (service_error("ResourceLimitExceeded", QUOTA), TargetError, "is 0 Instances", "Service Quotas"),
        (service_error("PermanentRedirect", "use eu-west-1"), TargetError, "eu-west-1", "--region"),
        (service_error("ValidationException", "Could not find model"), TargetError, "find model", "deleted"),
        (service_error("NoSuchBucket", "no bucket"), TargetError, "no bucket", "sagewizard resources"),
        (service_error("ResourceInUse", "busy"), TargetError, "busy", "wait for it"),
        (service_error("ValidationException", "1 value"), UsageError, "1 val", "Correct the value"),
        (service_error("InternalFailure", "", status=500), TargetError, "problem of its own", "Resume the"),
        (service_error("CapacityError", "no capacity"), TargetError, "no capacity", "more capacity"),
        (service_error("BucketAlreadyExists", "taken"), TargetError, "taken", "unique"),
        (service_error("Peculiar", "odd"), TargetError, "odd (Peculiar)", "Correct"),
        (boto.NoCredentialsError(), CredentialsError, "no AWS credentials", "--target sandbox"),
        (boto.PartialCredentialsError(provider="env", cred_var="x"), CredentialsError, "Partial", "both"),
        (boto.SSOTokenLoadError(error_msg="x"), CredentialsError, "sign-on session", "aws sso login"),
        (boto.UnauthorizedSSOTokenError(), CredentialsError, "sign-on session", "aws sso login"),
        (boto.TokenRetrievalError(provider="sso", error_msg="x"), CredentialsError, "sign-on", "aws sso"),
        (boto.CredentialRetrievalError(provider="x", error_msg="boom"), CredentialsError, "boom", "new keys"),
        (boto.ProfileNotFound(profile="ada"), UsageError, "ada", "list-profiles"),
        (boto.NoRegionError(), UsageError, "no region", "--region us-east-1"),
        (boto.InvalidRegionError(region_name="x y"), UsageError, "x y", "--region"),
        (boto.ParamValidationError(report="Missing: X"), UsageError, "Missing: X", "Correct"),
        (boto.ProxyConnectionError(proxy_url="http://p"), TargetError, "http://p", "HTTPS_PROXY"),
        (boto.SSLError(endpoint_url="https://x", error="bad"), TargetError, "SSL", "AWS_CA_BUNDLE"),
        (boto.EndpointConnectionError(endpoint_url="https://x"), TargetError, "https://x", "eu-north-9"),
        (boto.ConnectTimeoutError(endpoint_url="https://x"), TargetError, "https://x", "Check the network"),
        (boto.ReadTimeoutError(endpoint_url="https://x"), TargetError, "https://x", "sagewizard teardown"),
        (boto.UnknownServiceError(service_name="x", known_service_names="y"), TargetError, "x", "doctor"),
    ],
)  # fmt: skip
def test_each_failure_has_its_place_in_the_tree_and_a_remedy(error, kind, message, remedy):
    result = translate(error, doing="create the training job", region="eu-north-9")
    assert type(result) is kind
    assert str(result).startswith("Could not create the training job: ")
    assert message in str(result)
    assert remedy in result.remedy


def test_a_denied_action_is_named_with_who_and_on_what():
    result = translate(service_error("AccessDeniedException", DENIED))
    assert type(result) is TargetError
    assert str(result) == (
        "no permission for sagemaker:CreateTrainingJob on "
        "arn:aws:sagemaker:us-east-1:111122223333:training-job/x as arn:aws:iam::111122223333:user/ada"
    )
    assert "allow sagemaker:CreateTrainingJob" in result.remedy


def test_an_explicit_deny_and_a_role_that_may_not_be_passed_have_their_own_remedies():
    denied = DENIED.replace("because no policy allows it", "with an explicit deny")
    assert "lift the deny" in translate(service_error("AccessDenied", denied)).remedy
    passed = DENIED.replace("sagemaker:CreateTrainingJob", "iam:PassRole")
    assert "--role ARN" in translate(service_error("AccessDenied", passed)).remedy


def test_a_denial_without_words_names_the_operation():
    assert "no permission for HeadBucket" in str(translate(service_error("403", "", "HeadBucket")))


def test_a_profile_is_named_where_it_signs_on():
    result = translate(boto.SSOTokenLoadError(error_msg="x"), profile="work")
    assert "aws sso login --profile work" in result.remedy


@pytest.mark.parametrize(
    ("status", "remedy"), [(400, "number of features"), (500, "/aws/sagemaker/Endpoints")]
)
def test_a_model_error_tells_what_the_container_said(status, remedy):
    error = service_error(
        "ModelError", "Received error from primary.", OriginalStatusCode=status, OriginalMessage="bad width"
    )
    result = translate(error)
    assert type(result) is JobFailedError
    assert str(result) == "Received error from primary. bad width"
    assert remedy in result.remedy


@pytest.mark.parametrize(
    "error",
    [boto.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), service_error("InvalidClientTokenId")],
)
def test_in_the_sandbox_a_lost_server_is_a_sandbox_error(error):
    result = translate(error, simulated=True)
    assert type(result) is SandboxError
    assert "sagewizard sandbox status" in result.remedy


def test_secrets_never_reach_the_message():
    text = "bad key AKIAIOSFODNN7EXAMPLE in https://b/?X-Amz-Signature=abcdef0123"
    said = str(translate(service_error("ValidationException", text)))
    assert "AKIAIOSFODNN7EXAMPLE" not in said
    assert "abcdef0123" not in said


def test_a_failed_upload_tells_what_the_service_said():
    from boto3.exceptions import S3UploadFailedError

    try:
        try:
            raise service_error("AccessDenied", DENIED.replace("sagemaker:CreateTrainingJob", "s3:PutObject"))
        except boto.ClientError as error:
            raise S3UploadFailedError(f"Failed to upload: {error}")  # noqa: B904 - as boto3 does
    except S3UploadFailedError as error:
        assert "no permission for s3:PutObject" in str(translate(error))


def test_only_botos_errors_are_translated():
    with pytest.raises(ZeroDivisionError), translated("divide"):
        _ = 1 / 0
    with pytest.raises(TargetError, match="Could not list: ") as caught, translated("list"):
        raise boto.EndpointConnectionError(endpoint_url="https://x")
    assert isinstance(caught.value.__cause__, boto.EndpointConnectionError)


def test_an_error_of_the_tree_stays_as_it_is():
    error = UsageError("x")
    assert translate(error) is error
    assert not is_boto(error)
    assert error_code(error) == ""
    assert error_code(service_error("Odd")) == "Odd"


def test_every_exception_that_botocore_has_is_translated_with_a_remedy():
    skipped = 0
    for name in dir(boto):
        cls = getattr(boto, name)
        if not (isinstance(cls, type) and issubclass(cls, boto.BotoCoreError)):
            continue
        fields = {part.split("}")[0] for part in cls.fmt.split("{")[1:]}
        try:
            error = cls(**dict.fromkeys(fields, "x"))
        except TypeError:
            skipped += 1
            continue
        result = translate(error, doing="look")
        assert isinstance(result, SageWizardError), name
        assert result.remedy, name
    assert skipped < 5


def test_importing_the_translation_loads_no_botocore():
    code = (
        "import sys, sagewizard.boto_errors as b; b.is_boto(OSError()); sys.exit('botocore' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
