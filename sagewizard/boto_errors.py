"""Owns how what botocore raises becomes an error for a person: what happened, where, and what to do next."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewizard.errors import (
    CredentialsError,
    JobFailedError,
    SageWizardError,
    SandboxError,
    TargetError,
    UsageError,
)
from sagewizard.mask import mask_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"})
_UNKNOWN_KEY = frozenset(
    {
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "AuthFailure",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
    }
)
_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "UnauthorizedOperation",
        "UnauthorizedException",
        "Forbidden",
        "AllAccessDisabled",
        "403",
    }
)
_THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "BandwidthLimitExceeded",
        "PriorRequestNotComplete",
        "SlowDown",
    }
)
_QUOTA = frozenset(
    {"ResourceLimitExceeded", "LimitExceededException", "ServiceQuotaExceededException", "TooManyBuckets"}
)
_CLOCK = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture"})
_OTHER_REGION = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException", "301"}
)
_MISSING = frozenset(
    {
        "ResourceNotFound",
        "ResourceNotFoundException",
        "NoSuchEntity",
        "NoSuchBucket",
        "NoSuchKey",
        "NotFound",
        "404",
    }
)
_EXISTS = frozenset(
    {"ResourceInUse", "ResourceInUseException", "ConflictException", "BucketAlreadyOwnedByYou"}
)
_INVALID = frozenset(
    {
        "ValidationException",
        "ValidationError",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidRequest",
        "InvalidBucketName",
        "MalformedPolicyDocument",
        "SerializationException",
    }
)
_ABSENT_WORDS = ("Could not find", "Requested resource not found", "Amazon SageMaker can't find")

_ACTION = re.compile(
    r"(?:^(?P<who>(?:User: )?\S+) )?is not authorized to perform: (?P<action>[A-Za-z0-9-]+:[A-Za-z0-9*]+)"
    r"(?: on resource: (?P<resource>\S+))?"
)
_WRAPPED = re.compile(r"^An error occurred \([^)]*\) when calling the \w+ operation(?: \([^)]*\))?: ")
_OPTIONS = "--profile NAME picks another profile"


@dataclass(frozen=True, slots=True)
class Context:
    """Who was asking and for what, so that an error can name it.

    `doing` completes "Could not ...", e.g. `create the training job`. `simulated` says that the target is
    the sandbox, where a dropped connection means something else than on AWS.
    """

    doing: str = ""
    region: str = ""
    profile: str | None = None
    simulated: bool = False


@contextmanager
def translated(
    doing: str = "", *, region: str = "", profile: str | None = None, simulated: bool = False
) -> Iterator[None]:
    """Turn what boto3 and botocore raise inside into the error tree; everything else passes through."""
    try:
        yield
    except Exception as error:
        if not is_boto(error):
            raise
        raise translate(error, doing=doing, region=region, profile=profile, simulated=simulated) from error


def is_boto(error: BaseException) -> bool:
    """Whether an exception comes from boto3, botocore or s3transfer; loads none of them."""
    return any(
        (c.__module__ or "").split(".")[0] in ("boto3", "botocore", "s3transfer") for c in type(error).__mro__
    )


def translate(
    error: BaseException,
    *,
    doing: str = "",
    region: str = "",
    profile: str | None = None,
    simulated: bool = False,
) -> SageWizardError:
    """Return the error of the tree that says the same; one of the tree already is returned as it is.

    The message never holds an access key, a token or a signed URL. Codes are those of the services and of
    botocore's `exceptions` module.
    """
    if isinstance(error, SageWizardError):
        return error
    context = Context(doing, region, profile, simulated)
    from botocore import exceptions

    # A managed transfer wraps the ClientError that says what is wrong into a message of its own.
    cause = error.__context__
    if type(error).__name__ == "S3UploadFailedError" and cause is not None and is_boto(cause):
        error = cause
    if isinstance(error, exceptions.ClientError):
        return _service(dict(error.response), error.operation_name, context)
    return _client(error, context)


def error_code(error: BaseException) -> str:
    """Return the code of a service's error, "" of anything else."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def _message(context: Context, text: str) -> str:
    said = mask_text(_WRAPPED.sub("", text).strip())
    if not context.doing:
        return said
    return f"Could not {context.doing}: {said}" if said else f"Could not {context.doing}"


def _service(response: dict[str, Any], operation: str, context: Context) -> SageWizardError:
    details = response.get("Error") or {}
    code, text = str(details.get("Code", "")), str(details.get("Message", "") or "")
    status = int((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
    who = "the sandbox" if context.simulated else "AWS"
    message = _message(context, text or f"{operation} answered {code or status}")
    if context.simulated and code in _UNKNOWN_KEY | {"403"}:
        return SandboxError(
            _message(context, f"the sandbox does not accept the key it was sent ({code})"),
            remedy="Another sandbox may have taken its place: `sagewizard sandbox status` shows it, "
            "`sagewizard sandbox stop` ends it, and the next run starts a new one.",
        )
    if code in _EXPIRED:
        return CredentialsError(
            _message(context, "the credentials have expired"), remedy=_renew(context.profile)
        )
    if code in _UNKNOWN_KEY:
        return CredentialsError(
            _message(context, f"AWS does not accept the credentials ({code})"),
            remedy="Check the access key with `aws sts get-caller-identity`; a region that the account has "
            f"not enabled answers so, too. {_OPTIONS}.",
        )
    if code in _CLOCK:
        return CredentialsError(
            _message(context, "this machine's clock differs too much from AWS's"),
            remedy="Set the clock (AWS accepts a difference of 5 minutes), then try again.",
        )
    if code == "ModelError":
        return _model_error(response, message)
    if code in _DENIED:
        return _denied(text, operation, context)
    if code in _THROTTLED:
        return TargetError(
            _message(context, f"{who} asks to slow down, after several tries ({code} of {operation})"),
            remedy="Wait a minute, then resume the run; what it made so far is still there.",
        )
    if code in _QUOTA:
        return TargetError(
            message,
            remedy="Take another instance type, or ask for a higher quota in the Service Quotas console "
            "(Amazon SageMaker); new accounts start at 0 for many types.",
        )
    if code in _OTHER_REGION:
        return TargetError(message, remedy="The resource is in another region: name it with --region.")
    if code in _MISSING or (code in _INVALID and text.startswith(_ABSENT_WORDS)):
        return TargetError(
            message, remedy="It was deleted or never made: `sagewizard resources` lists what is there."
        )
    if code in _EXISTS or (code in _INVALID and text.startswith("Cannot create already existing")):
        return TargetError(
            message, remedy="Something of that name is there or still changing: wait for it, or delete it."
        )
    if code == "BucketAlreadyExists":
        return TargetError(message, remedy="A bucket's name is unique in all of AWS: choose another one.")
    if code in _INVALID:
        return UsageError(message, remedy="Correct the value that the message names.")
    if status >= 500 or code in ("CapacityError", "InsufficientCapacity"):
        if "apacity" not in code + text:
            said = f"{who} had a problem of its own ({code or status} of {operation}), after several tries"
            message = _message(context, f"{said}: {text}" if text else said)
        if context.simulated:
            remedy = (
                "Resume the run in a minute. `sagewizard sandbox status` names the server's log, which says "
                "more, and the plan of faults, if it follows one."
            )
        elif "apacity" in code + text:
            remedy = "Resume the run later; another instance type or region may have more capacity."
        else:
            remedy = "Resume the run in a minute."
        return TargetError(message, remedy=remedy)
    return TargetError(f"{message} ({code})" if code else message, remedy="Correct what the message names.")


def _model_error(response: dict[str, Any], message: str) -> SageWizardError:
    status = response.get("OriginalStatusCode")
    said = mask_text(str(response.get("OriginalMessage") or "")).strip()
    if said and said not in message:
        message = f"{message} {said}"
    client = isinstance(status, int) and 400 <= status < 500
    return JobFailedError(
        message,
        remedy="Check the content type and the number of features a row of what was sent."
        if client
        else "The endpoint's log in CloudWatch (/aws/sagemaker/Endpoints/NAME) says what went wrong.",
    )


def _denied(text: str, operation: str, context: Context) -> SageWizardError:
    found = _ACTION.search(text)
    action = found["action"] if found else operation
    who = (found["who"] or "").removeprefix("User:").strip() if found else ""
    said = f"no permission for {action}" + (f" on {found['resource']}" if found and found["resource"] else "")
    if who:
        said += f" as {who}"
    if "explicit deny" in text:
        return TargetError(
            _message(context, f"{said}: a policy denies it explicitly"),
            remedy=f"Ask whoever administers the account to lift the deny on {action}; {_OPTIONS}.",
        )
    if action == "iam:PassRole":
        remedy = (
            "Allow iam:PassRole on the execution role, or name a role that may be passed with --role ARN."
        )
    else:
        remedy = f"Ask whoever administers the account to allow {action}; {_OPTIONS}."
    return TargetError(_message(context, said), remedy=remedy)


def _renew(profile: str | None) -> str:
    login = f"aws sso login --profile {profile}" if profile else "aws sso login"
    return (
        f"Sign in again: `{login}` if the profile uses single sign-on, otherwise get new keys. Then resume "
        "the run with `sagewizard runs resume last`."
    )


def _client(error: BaseException, context: Context) -> SageWizardError:
    from botocore import exceptions as boto

    text = _message(context, str(error))
    names = {c.__name__ for c in type(error).__mro__}
    if isinstance(error, boto.NoCredentialsError | boto.NoAuthTokenError):
        return CredentialsError(
            _message(context, "there are no AWS credentials on this machine"),
            remedy="Run `aws configure` (or `aws configure sso`), set AWS_PROFILE, or stay in the sandbox, "
            "which needs none: --target sandbox.",
        )
    if isinstance(error, boto.PartialCredentialsError):
        return CredentialsError(text, remedy="Set the access key and the secret key both, or neither.")
    # Names that older botocore does not have cannot be imported.
    if names & {"SSOError", "LoginError", "TokenRetrievalError", "SSOTokenLoadError"}:
        return CredentialsError(
            _message(context, "the sign-on session has expired or was never started"),
            remedy=_renew(context.profile),
        )
    if isinstance(error, boto.CredentialRetrievalError | boto.RefreshWithMFAUnsupportedError):
        return CredentialsError(text, remedy=_renew(context.profile))
    if isinstance(error, boto.ProfileNotFound):
        return UsageError(text, remedy="`aws configure list-profiles` lists the profiles.")
    if isinstance(error, boto.ConfigParseError | boto.ConfigNotFound):
        return UsageError(text, remedy="Correct ~/.aws/config and ~/.aws/credentials.")
    if isinstance(error, boto.NoRegionError):
        return UsageError(
            _message(context, "no region is set"),
            remedy="Name one with --region, for instance --region us-east-1, or set AWS_DEFAULT_REGION.",
        )
    if isinstance(error, boto.InvalidRegionError | boto.UnknownRegionError | boto.ServiceNotInRegionError):
        return UsageError(text, remedy="Name a region that has SageMaker with --region.")
    if isinstance(error, boto.ParamValidationError | boto.InvalidDNSNameError | boto.ValidationError):
        return UsageError(text, remedy="Correct the value that the message names.")
    if isinstance(error, boto.ProxyConnectionError):
        return TargetError(text, remedy="Check HTTPS_PROXY and NO_PROXY.")
    if isinstance(error, boto.SSLError):
        return TargetError(
            text,
            remedy="A proxy that inspects traffic needs its certificate named in AWS_CA_BUNDLE; "
            "otherwise check the clock.",
        )
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError):
        return _unreachable(text, context)
    return TargetError(text or type(error).__name__, remedy="`sagewizard doctor` checks the set-up.")


def _unreachable(text: str, context: Context) -> SageWizardError:
    if context.simulated:
        return SandboxError(
            text,
            remedy="The sandbox ended or is too busy: `sagewizard sandbox status` shows it; resume the run, "
            "and it starts again.",
        )
    region = f" and that {context.region} is a region with SageMaker" if context.region else ""
    return TargetError(
        text,
        remedy=f"Check the network{region}; then resume the run. What it made on AWS is still there "
        "and `sagewizard teardown` deletes it.",
    )
