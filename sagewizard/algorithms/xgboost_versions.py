"""Image versions of XGBoost: their order, their names in the registry, and what each of them knows.

Accounts are those of the SageMaker Python SDK 2.257 (image_uri_config); a test compares the two. What a
version knows comes from the branches of the container that AWS publishes (aws/sagemaker-xgboost-container).
"""

from __future__ import annotations

# `xgboost`, version 0.72: an account a region of its own.
FIRST_ACCOUNTS: dict[str, str] = {
    "af-south-1": "455444449433",
    "ap-east-1": "286214385809",
    "ap-northeast-1": "501404015308",
    "ap-northeast-2": "306986355934",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "991648021394",
    "ap-south-2": "628508329040",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "544295431143",
    "ap-southeast-3": "951798379941",
    "ap-southeast-4": "106583098589",
    "ca-central-1": "469771592824",
    "cn-north-1": "390948362332",
    "cn-northwest-1": "387376663083",
    "eu-central-1": "813361260812",
    "eu-central-2": "680994064768",
    "eu-north-1": "669576153137",
    "eu-south-1": "257386234256",
    "eu-south-2": "104374241257",
    "eu-west-1": "685385470294",
    "eu-west-2": "644912444149",
    "eu-west-3": "749696950732",
    "me-central-1": "272398656194",
    "me-south-1": "249704162688",
    "sa-east-1": "855470959533",
    "us-east-1": "811284229777",
    "us-east-2": "825641698319",
    "us-gov-east-1": "237065988967",
    "us-gov-west-1": "226302683700",
    "us-iso-east-1": "490574956308",
    "us-isob-east-1": "765400339828",
    "us-west-1": "632365934929",
    "us-west-2": "433757028032",
}

VERSIONS = (
    "1",
    "0.90-1",
    "0.90-2",
    "1.0-1",
    "1.2-1",
    "1.2-2",
    "1.3-1",
    "1.5-1",
    "1.7-1",
    "3.0-5",
    "3.2-0",
)
"""Every version in the order of its release; `1` is XGBoost 0.72."""

TAGS = {
    version: f"{version}-cpu-py3" if version in ("0.90-1", "0.90-2", "1.0-1") else version
    for version in VERSIONS[1:]
}
FIRST_TAGS = {"1": "1", "latest": "latest"}


def at_least(version: str, other: str) -> bool:
    """Tell whether a version is `other` or came after it; `latest` is `1`, an unknown one the newest."""
    return _place(version) >= _place(other)


def _place(version: str) -> int:
    if version == "latest":
        return 0
    return VERSIONS.index(version) if version in VERSIONS else len(VERSIONS)


def since(first: str) -> tuple[str, ...]:
    """List the versions from `first` on."""
    return tuple(version for version in VERSIONS if at_least(version, first))


def until(last: str) -> tuple[str, ...]:
    """List the versions up to `last`; `latest`, another name for the first, is among them."""
    return ("latest", *(version for version in VERSIONS if at_least(last, version)))


def between(first: str, last: str) -> tuple[str, ...]:
    """List the versions from `first` to `last`."""
    return tuple(version for version in since(first) if at_least(last, version))


# value: the first and the last version that takes it, None where there is no such end
_OBJECTIVES: dict[str, tuple[str | None, str | None]] = {
    "binary:logistic": (None, None),
    "binary:logitraw": (None, None),
    "binary:hinge": ("0.90-1", None),
    "count:poisson": (None, None),
    "multi:softmax": (None, None),
    "multi:softprob": (None, None),
    "rank:pairwise": (None, None),
    "rank:ndcg": ("0.90-1", None),
    "rank:map": ("0.90-1", None),
    "reg:linear": (None, None),
    "reg:squarederror": ("0.90-1", None),
    "reg:logistic": (None, None),
    "reg:gamma": (None, None),
    "reg:pseudohubererror": ("1.2-1", None),
    "reg:squaredlogerror": ("1.0-1", None),
    "reg:absoluteerror": ("1.7-1", None),
    "reg:tweedie": (None, None),
    "survival:aft": ("1.2-1", None),
    "survival:cox": ("0.90-1", None),
}
_TREE_METHODS: dict[str, tuple[str | None, str | None]] = {
    "auto": (None, None),
    "exact": (None, None),
    "approx": (None, None),
    "hist": (None, None),
    "gpu_hist": ("1.2-1", None),
}
_PREDICTORS: dict[str, tuple[str | None, str | None]] = {
    "auto": ("1.2-1", None),
    "cpu_predictor": (None, None),
    "gpu_predictor": ("1.2-1", None),
}
_CHOICES = {"objective": _OBJECTIVES, "tree_method": _TREE_METHODS, "predictor": _PREDICTORS}

# metric: the first version that has it, and whether the container computes it, not XGBoost
MAXIMISED: dict[str, tuple[str, bool]] = {
    "accuracy": ("1", True),
    "auc": ("1", False),
    "aucpr": ("1", False),
    "balanced_accuracy": ("1.3-1", True),
    "f1": ("1", True),
    "f1_binary": ("1.2-1", True),
    "f1_macro": ("1.2-1", True),
    "map": ("1", False),
    "ndcg": ("1", False),
    "precision": ("1.3-1", True),
    "r2": ("1.2-1", True),
    "recall": ("1.3-1", True),
    "precision_macro": ("1.3-1", True),
    "precision_micro": ("1.3-1", True),
    "recall_macro": ("1.3-1", True),
    "recall_micro": ("1.3-1", True),
}
MINIMISED: dict[str, tuple[str, bool]] = {
    "aft-nloglik": ("1.2-1", False),
    "cox-nloglik": ("0.90-1", False),
    "error": ("1", False),
    "gamma-deviance": ("1", False),
    "gamma-nloglik": ("1", False),
    "interval-regression-accuracy": ("1.2-1", False),
    "logloss": ("1", False),
    "mae": ("1", False),
    "mape": ("1.3-1", False),
    "merror": ("1", False),
    "mlogloss": ("1", False),
    "mphe": ("1.2-1", False),
    "mse": ("1", True),
    "poisson-nloglik": ("1", False),
    "rmse": ("1", False),
    "rmsle": ("1.0-1", False),
    "tweedie-nloglik": ("1", False),
}


def choices(name: str, version: str | None = None) -> tuple[str, ...]:
    """List what `objective`, `tree_method` or `predictor` may be, in a version or in any."""
    return tuple(
        value
        for value, (first, last) in _CHOICES[name].items()
        if version is None or (at_least(version, first or "1") and (last is None or at_least(last, version)))
    )


def metrics(version: str) -> tuple[str, ...]:
    """List the metrics a version knows, those to maximise first, in the container's own order."""
    return tuple(name for name, (first, _) in (MAXIMISED | MINIMISED).items() if at_least(version, first))
