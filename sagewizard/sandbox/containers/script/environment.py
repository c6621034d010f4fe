"""What a user's training script is told: decoded hyperparameters, arguments, and the SM_* environment.

Names and forms are those of SageMaker's training toolkit.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewizard.sandbox.containers.contract import TrainingContainer
    from sagewizard.sandbox.containers.script.world import World

RESERVED = ("_tuning_objective_metric", "default_user_module_name")
PREFIX = "sagemaker_"
# What the toolkit itself reads; other names with its prefix are the framework's.
_TOOLKITS = frozenset({
    "sagemaker_program", "sagemaker_submit_directory", "sagemaker_enable_cloudwatch_metrics",
    "sagemaker_region", "sagemaker_container_log_level", "sagemaker_job_name", "sagemaker_s3_output",
    *RESERVED,
})  # fmt: skip
MODULES = {
    "sklearn": "sagemaker_sklearn_container.training:main",
    "xgboost": "sagemaker_xgboost_container.training:main",
    "pytorch": "sagemaker_pytorch_container.training:main",
}


def decode(values: Mapping[str, str]) -> dict[str, Any]:
    """Decode hyperparameters: JSON where it is JSON, as SDK 2 writes it, else the text itself."""
    return {name: _decoded(value) for name, value in values.items()}


def _decoded(value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the script's own hyperparameters and those that the toolkit keeps for itself."""
    own: dict[str, Any] = {}
    kept: dict[str, Any] = {}
    for name in sorted(values):
        reserved = name.startswith(PREFIX) or name in RESERVED
        (kept if reserved else own)[name] = values[name]
    return own, kept


def arguments(own: Mapping[str, Any]) -> list[str]:
    """Return the command line arguments of a script: `--name value`, `-n value` for names of one letter."""
    found = []
    for name in sorted(own):
        value = own[name]
        if isinstance(value, dict):
            value = ",".join(f"{key}={value[key]}" for key in sorted(value))
        found += [f"--{name}" if len(name) > 1 else f"-{name}", str(value)]
    return found


def variables(
    container: TrainingContainer,
    resources: Mapping[str, Any],
    inputs: Mapping[str, Any],
    world: World,
    framework: str,
    told: Mapping[str, str],
) -> dict[str, str]:
    """Return the SM_* variables; `told` has the job's name (TRAINING_JOB_NAME) and SM_NUM_CPUS."""
    own, kept = split(decode(container.hyperparameters))
    program = str(kept.get("sagemaker_program", ""))
    root = world.root
    channels = {name: world.name(channel.path) for name, channel in sorted(container.channels.items())}
    job, source = told.get("TRAINING_JOB_NAME", ""), str(kept.get("sagemaker_submit_directory", ""))
    groups = [group["instance_group_name"] for group in resources.get("instance_groups", [])]
    module = program.removesuffix(".py")
    parameters = {name: value for name, value in kept.items() if name not in _TOOLKITS}
    level = kept.get("sagemaker_container_log_level", 20)
    described = {
        "additional_framework_parameters": parameters,
        "channel_input_dirs": channels,
        "current_host": container.current_host,
        "current_instance_group": resources.get("current_group_name", ""),
        "current_instance_type": resources.get("current_instance_type", ""),
        "framework_module": MODULES[framework],
        "hosts": list(container.hosts),
        "hyperparameters": own,
        "input_config_dir": f"{root}/input/config",
        "input_data_config": inputs,
        "input_dir": f"{root}/input",
        "instance_groups": groups,
        "is_hetero": False,
        "is_master": container.current_host == min(container.hosts),
        "job_name": job,
        "log_level": level,
        "master_hostname": min(container.hosts),
        "model_dir": f"{root}/model",
        "module_dir": source,
        "module_name": module,
        "network_interface_name": resources.get("network_interface_name", "eth0"),
        "num_cpus": int(told.get("SM_NUM_CPUS", "1")),
        "num_gpus": 0,
        "num_neurons": 0,
        "output_data_dir": f"{root}/output/data",
        "output_dir": f"{root}/output",
        "output_intermediate_dir": f"{root}/output/intermediate",
        "resource_config": resources,
        "user_entry_point": program,
    }
    env = {
        "SM_MODEL_DIR": f"{root}/model",
        "SM_OUTPUT_DIR": f"{root}/output",
        "SM_OUTPUT_DATA_DIR": f"{root}/output/data",
        "SM_OUTPUT_INTERMEDIATE_DIR": f"{root}/output/intermediate",
        "SM_INPUT_DIR": f"{root}/input",
        "SM_INPUT_CONFIG_DIR": f"{root}/input/config",
        "SM_CHANNELS": json.dumps(list(channels)),
        "SM_HPS": json.dumps(own),
        "SM_CURRENT_HOST": container.current_host,
        "SM_CURRENT_INSTANCE_TYPE": str(described["current_instance_type"]),
        "SM_CURRENT_INSTANCE_GROUP": str(described["current_instance_group"]),
        "SM_CURRENT_INSTANCE_GROUP_HOSTS": json.dumps(list(container.hosts)),
        "SM_INSTANCE_GROUPS": json.dumps(groups),
        "SM_HOSTS": json.dumps(list(container.hosts)),
        "SM_NUM_CPUS": str(described["num_cpus"]),
        "SM_NUM_GPUS": "0",
        "SM_NUM_NEURONS": "0",
        "SM_LOG_LEVEL": str(level),
        "SM_NETWORK_INTERFACE_NAME": str(described["network_interface_name"]),
        "SM_USER_ARGS": json.dumps(arguments(own)),
        "SM_USER_ENTRY_POINT": program,
        "SM_RESOURCE_CONFIG": json.dumps(resources),
        "SM_INPUT_DATA_CONFIG": json.dumps(inputs),
        "SM_MODULE_DIR": source,
        "SM_MODULE_NAME": module,
        "SM_FRAMEWORK_MODULE": MODULES[framework],
        "SM_FRAMEWORK_PARAMS": json.dumps(parameters),
        "SM_TRAINING_ENV": json.dumps(described, sort_keys=True),
    }
    env |= {f"SM_CHANNEL_{name.upper()}": path for name, path in channels.items()}
    for name, value in own.items():
        env[f"SM_HP_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)
    return {name: value for name, value in env.items() if "\0" not in name + value and "=" not in name}
