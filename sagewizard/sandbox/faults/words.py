"""The errors of AWS by a word: code, sentence and status as each kind of service gives them."""

from __future__ import annotations

from sagewizard.sandbox.gateway.errors import AwsError, Protocol

# (JSON and REST services, S3, query services); AWS's own wording for each.
_ERRORS: dict[str, tuple[tuple[str, str, int], tuple[str, str, int], tuple[str, str, int]]] = {
    "throttled": (
        ("ThrottlingException", "Rate exceeded", 400),
        ("SlowDown", "Please reduce your request rate.", 503),
        ("Throttling", "Rate exceeded", 400),
    ),
    "unavailable": (
        ("ServiceUnavailableException", "Service Unavailable", 503),
        ("ServiceUnavailable", "Service is unable to handle request.", 503),
        ("ServiceUnavailable", "Service Unavailable", 503),
    ),
    "internal": (
        ("InternalFailure", "Internal failure, please try again.", 500),
        ("InternalError", "We encountered an internal error. Please try again.", 500),
        ("InternalFailure", "Internal failure, please try again.", 500),
    ),
    "expired-token": (
        ("ExpiredTokenException", "The security token included in the request is expired", 400),
        ("ExpiredToken", "The provided token has expired.", 400),
        ("ExpiredToken", "The security token included in the request is expired", 403),
    ),
    "denied": (
        ("AccessDeniedException", "User: {user} is not authorized to perform: {action}", 400),
        ("AccessDenied", "Access Denied", 403),
        ("AccessDenied", "User: {user} is not authorized to perform: {action}", 403),
    ),
}


def error_of(word: str, message: str, status: int, protocol: Protocol, operation: str, user: str) -> AwsError:
    """Return the error that a word or a code stands for, to a call of `operation` by `user` (an ARN)."""
    form = {Protocol.S3: 1, Protocol.QUERY: 2}.get(protocol, 0)
    if word in _ERRORS:
        code, text, number = _ERRORS[word][form]
    else:
        code, text, number = word, "The sandbox was asked to refuse this call.", 400
    filled = (message or text).format_map(_Known(user=user, action=operation))
    return AwsError(code, filled, status or number)


class _Known(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
