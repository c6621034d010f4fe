"""Answers iam:SimulatePrincipalPolicy and SimulateCustomPolicy: all is allowed, as it is in the sandbox.

Version 3 of the SageMaker SDK asks before it starts a job. Form of the answer: IAM's query API, 2010-05-08.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from werkzeug import Response

from sagewizard.sandbox.gateway.errors import AwsError, xml_text

if TYPE_CHECKING:
    from werkzeug import Request

_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_OPERATIONS = {
    "SimulatePrincipalPolicy": "PolicySourceArn",
    "SimulateCustomPolicy": "PolicyInputList.member.1",
}


def simulation(request: Request) -> Response | None:
    """Answer one of the two operations, None for every other; AwsError when a member is missing."""
    if request.mimetype != "application/x-www-form-urlencoded":
        return None
    body = request.get_data(cache=True)
    fields = {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    action = fields.get("Action", "")
    if action not in _OPERATIONS:
        # Read once more by whoever answers it.
        request.environ["wsgi.input"].seek(0)
        return None
    for member in (_OPERATIONS[action], "ActionNames.member.1"):
        if not fields.get(member):
            raise AwsError("ValidationError", f"{member.partition('.')[0]} must not be empty.")
    results = "".join(
        f"<member><EvalActionName>{xml_text(name)}</EvalActionName>"
        f"<EvalResourceName>{xml_text(resource)}</EvalResourceName><EvalDecision>allowed</EvalDecision>"
        "<MatchedStatements/><MissingContextValues/></member>"
        for resource in _members(fields, "ResourceArns") or ["*"]
        for name in _members(fields, "ActionNames")
    )
    text = (
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result><IsTruncated>false</IsTruncated>'
        f"<EvaluationResults>{results}</EvaluationResults></{action}Result>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    )
    return Response(text.encode(), content_type="text/xml")


def _members(fields: dict[str, str], name: str) -> list[str]:
    """Return a list of the query protocol: `Name.member.1`, `Name.member.2` and so on, without gaps."""
    found: list[str] = []
    while value := fields.get(f"{name}.member.{len(found) + 1}"):
        found.append(value)
    return found
