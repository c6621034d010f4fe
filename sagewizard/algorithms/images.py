"""Container image names of the built-in algorithms: from algorithm, region and version to a URI, and back.

Accounts are those of the SageMaker Python SDK 2.257 (image_uri_config); a test compares the two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewizard.errors import UsageError

if TYPE_CHECKING:
    from sagewizard.algorithms.schema import ImageSource

# linear-learner, kmeans, pca, knn and factorization-machines live in one account a region.
FIRST_PARTY_ACCOUNTS: dict[str, str] = {
    "af-south-1": "455444449433",
    "ap-east-1": "286214385809",
    "ap-northeast-1": "351501993468",
    "ap-northeast-2": "835164637446",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "991648021394",
    "ap-south-2": "628508329040",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "712309505854",
    "ap-southeast-3": "951798379941",
    "ap-southeast-4": "106583098589",
    "ca-central-1": "469771592824",
    "ca-west-1": "190319476487",
    "cn-north-1": "390948362332",
    "cn-northwest-1": "387376663083",
    "eu-central-1": "664544806723",
    "eu-central-2": "680994064768",
    "eu-north-1": "669576153137",
    "eu-south-1": "257386234256",
    "eu-south-2": "104374241257",
    "eu-west-1": "438346466558",
    "eu-west-2": "644912444149",
    "eu-west-3": "749696950732",
    "il-central-1": "898809789911",
    "me-central-1": "272398656194",
    "me-south-1": "249704162688",
    "sa-east-1": "855470959533",
    "us-east-1": "382416733822",
    "us-east-2": "404615174143",
    "us-gov-east-1": "237065988967",
    "us-gov-west-1": "226302683700",
    "us-iso-east-1": "490574956308",
    "us-isob-east-1": "765400339828",
    "us-isof-east-1": "108575199400",
    "us-isof-south-1": "124985052026",
    "us-west-1": "632365934929",
    "us-west-2": "174872318107",
}

_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("us-iso-", "c2s.ic.gov"),
)
_URI = re.compile(
    r"(?P<account>\d{12})\.dkr\.ecr(?:-fips)?\.(?P<region>[a-z0-9-]+)\.(?P<suffix>[a-z0-9.-]+?)"
    r"/(?P<repository>[a-z0-9]+(?:[._/-][a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True, slots=True)
class ImageUri:
    """An image URI taken apart; `tag` is "latest" when none was written, `digest` "" likewise."""

    account: str
    region: str
    repository: str
    tag: str
    digest: str = ""


def registry_suffix(region: str) -> str:
    """Name the domain of a region's registries."""
    return next((suffix for start, suffix in _SUFFIXES if region.startswith(start)), "amazonaws.com")


def build_uri(source: ImageSource, region: str, version: str | None = None) -> str:
    """Write the URI of an image; UsageError for a region or a version the algorithm is not published in."""
    version = source.default_version if version is None else version
    tag = source.tags.get(version)
    if tag is None:
        raise UsageError(
            f"{source.repository} has no version {version}",
            remedy=f"Choose one of: {', '.join(source.tags)}.",
        )
    account = source.accounts.get(region)
    if account is None:
        raise UsageError(
            f"{source.repository} is not published in the region {region}",
            remedy=f"Choose one of: {', '.join(source.accounts)}.",
        )
    return f"{account}.dkr.ecr.{region}.{registry_suffix(region)}/{source.repository}:{tag}"


def parse_image_uri(uri: str) -> ImageUri:
    """Take an ECR image URI apart; ValueError when it is not one."""
    match = _URI.fullmatch(uri)
    if match is None or match["suffix"] != registry_suffix(match["region"]):
        raise ValueError(
            f"{uri!r} is not an image URI of the form ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG"
        )
    return ImageUri(
        match["account"],
        match["region"],
        match["repository"],
        match["tag"] or "latest",
        match["digest"] or "",
    )
