"""Owns the execution role that the doctor makes on request: what it may do, shown first, and its creation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sagewizard.aws import roles
from sagewizard.boto_errors import error_code, translate, translated
from sagewizard.engine import tagging
from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

POLICY_NAME: Final = "SageWizardJobs"

TRUST: Final[Mapping[str, Any]] = roles.trust(roles.SERVICE)
"""Who may take the role on: SageMaker, and nobody else."""


def permissions(bucket: str, partition: str = "aws") -> dict[str, Any]:
    """Return what a job of SageMaker needs: the run's objects, its log and metrics, the algorithm's image."""
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Objects",
                "Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
                "Resource": f"arn:{partition}:s3:::{bucket}/sagewizard/*",
            },
            {
                "Sid": "Bucket",
                "Effect": "Allow",
                "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
                "Resource": f"arn:{partition}:s3:::{bucket}",
            },
            {
                "Sid": "Logs",
                "Effect": "Allow",
                "Action": [
                    "logs:CreateLogGroup",
                    "logs:CreateLogStream",
                    "logs:DescribeLogStreams",
                    "logs:PutLogEvents",
                ],
                "Resource": f"arn:{partition}:logs:*:*:log-group:/aws/sagemaker/*",
            },
            {
                "Sid": "Metrics",
                "Effect": "Allow",
                "Action": "cloudwatch:PutMetricData",
                "Resource": "*",
            },
            {
                "Sid": "Images",
                "Effect": "Allow",
                "Action": [
                    "ecr:GetAuthorizationToken",
                    "ecr:BatchCheckLayerAvailability",
                    "ecr:GetDownloadUrlForLayer",
                    "ecr:BatchGetImage",
                ],
                "Resource": "*",
            },
        ],
    }


def create(
    iam: Any,
    name: str,
    policy: Mapping[str, Any],
    *,
    owner: str,
    trust: Mapping[str, Any] = TRUST,
    policy_name: str = POLICY_NAME,
    description: str = "Lets SageMaker run the jobs of sagewizard",
) -> str:
    """Make the role with its policy and return its ARN; a role without its policy is taken away again.

    UsageError when there is one of that name, `TargetError` for what else IAM answers.
    """
    marks = tagging.tags({"run": "none", "owner": owner, "expires": "never"})
    try:
        arn = str(
            iam.create_role(
                RoleName=name,
                AssumeRolePolicyDocument=json.dumps(trust),
                Description=description,
                Tags=marks,
            )["Role"]["Arn"]
        )
    except Exception as error:
        if error_code(error) == "EntityAlreadyExists":
            raise UsageError(
                f"There is a role named {name} already; it was left as it is",
                remedy="Use it as it is, or choose another name.",
            ) from error
        raise translate(error, doing=f"create the role {name}") from error
    try:
        iam.put_role_policy(RoleName=name, PolicyName=policy_name, PolicyDocument=json.dumps(policy))
    except Exception as error:
        with translated(f"take the role {name} away again"):
            iam.delete_role(RoleName=name)
        raise translate(error, doing=f"give the role {name} its policy") from error
    return arn
