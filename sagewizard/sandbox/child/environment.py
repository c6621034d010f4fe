"""The environment of a program that sees AWS as the sandbox: its variables and the files they name.

Imports nothing but the standard library: `sandbox exec` and `sandbox env` do little else.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.sandbox.launcher import Address

SITE = Path(__file__).resolve().parent / "site"
# Hosts a proxy must not be asked for: this machine, and AWS, so that the hook in the child sees the name.
_DIRECT = (
    "127.0.0.1",
    "localhost",
    "::1",
    "169.254.169.254",
    "169.254.170.2",
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
)
_OWN = ("SAGEWIZARD_EXEC_URL", "SAGEWIZARD_EXEC_KEY", "SAGEWIZARD_EXEC_SECRET", "SAGEWIZARD_EXEC_PACE")
_SDK_OVERRIDES = ("SAGEMAKER_ADMIN_CONFIG_OVERRIDE", "SAGEMAKER_USER_CONFIG_OVERRIDE")


def plain_variables(address: Address, folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what any AWS program reads, with no hook; for shells and for programs that are not Python.

    `folder` holds the SDK's configuration file, which is written here. OSError when it cannot be.
    """
    return {
        **_account(address),
        **_without_proxies(environ, aws=False),
        # Without the hook the SDK would ask AWS's own STS for the account, were its bucket not named here.
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(_sdk_config(folder, "sdk-env.yaml", address.bucket)),
    }


def child_environment(
    address: Address, folder: Path, environ: Mapping[str, str], *, pace: str = "instant"
) -> dict[str, str]:
    """Return the whole environment of a child: the caller's without its AWS account, and the hook.

    At another `pace` than instant the SDK's own pauses stay as they are. `folder` holds the SDK's
    configuration file, which is written here. OSError when it cannot be.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith("AWS_") and name not in _OWN and name not in _SDK_OVERRIDES
    }
    path = [entry for entry in kept.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != str(SITE)]
    return {
        **kept,
        **_account(address),
        **_without_proxies(environ, aws=True),
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(_sdk_config(folder, "sdk-exec.yaml", None)),
        "PYTHONPATH": os.pathsep.join([str(SITE), *path]),
        "SAGEWIZARD_EXEC_URL": address.url,
        "SAGEWIZARD_EXEC_KEY": address.credentials.access_key,
        "SAGEWIZARD_EXEC_SECRET": address.credentials.secret_key,
        "SAGEWIZARD_EXEC_PACE": pace,
    }


def to_unset(environ: Mapping[str, str], set_here: Mapping[str, str]) -> list[str]:
    """Name the variables that would send a program to the person's own account, or past the sandbox."""
    found = {name for name in environ if name.startswith("AWS_")} | {"AWS_PROFILE", "AWS_SESSION_TOKEN"}
    return sorted(found - set(set_here))


def _account(address: Address) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": address.url,
        "AWS_ACCESS_KEY_ID": address.credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": address.credentials.secret_key,
        "AWS_DEFAULT_REGION": address.region,
        "AWS_REGION": address.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _without_proxies(environ: Mapping[str, str], *, aws: bool) -> dict[str, str]:
    given = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    names = [name.strip() for name in given.split(",") if name.strip()]
    names += [host for host in (_DIRECT if aws else _DIRECT[:3]) if host not in names]
    value = ",".join(names)
    return {"NO_PROXY": value, "no_proxy": value}


def _sdk_config(folder: Path, name: str, bucket: str | None) -> Path:
    """Write the SageMaker SDK's configuration: no telemetry; `bucket` saves it a question to STS."""
    text = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
    if bucket is not None:
        text += f"      Session:\n        DefaultS3Bucket: {bucket}\n"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        temporary = path.with_name(f".{name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    return path
