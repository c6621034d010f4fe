"""Serverless variants: what a ServerlessConfig may say, and what it does not go together with."""

from __future__ import annotations

from typing import Any

from sagewizard.sandbox.control.protocol import ValidationException

_MEMORY_STEP = 1024


def check(variant: dict[str, Any]) -> None:
    """Check one variant that has a ServerlessConfig; ranges are the service model's. ValidationException."""
    name, config = variant["VariantName"], variant["ServerlessConfig"]
    for member in ("InstanceType", "InitialInstanceCount", "AcceleratorType"):
        if member in variant:
            raise ValidationException(
                f"Production variant {name} has a ServerlessConfig, so it cannot have {member}."
            )
    if config["MemorySizeInMB"] % _MEMORY_STEP:
        raise ValidationException(
            f"MemorySizeInMB of variant {name} must be one of 1024, 2048, 3072, 4096, 5120 and 6144."
        )
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise ValidationException(
            f"ProvisionedConcurrency of variant {name} must not be above its MaxConcurrency."
        )


def check_company(request: dict[str, Any]) -> None:
    """Check that a serverless variant is alone and without what serverless endpoints do not have."""
    if not any("ServerlessConfig" in variant for variant in request["ProductionVariants"]):
        return
    if len(request["ProductionVariants"]) > 1:
        raise ValidationException("A serverless endpoint can have only one production variant.")
    if "AsyncInferenceConfig" in request:
        raise ValidationException("AsyncInferenceConfig is not supported for serverless endpoints.")
    if request.get("DataCaptureConfig", {}).get("EnableCapture"):
        raise ValidationException("DataCaptureConfig is not supported for serverless endpoints.")
