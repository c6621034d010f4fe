"""Sends every AWS client of this Python to the sandbox, and keeps everything else in it from AWS hosts.

Two lines of defence. The first replaces endpoint, credentials and signing of each botocore client as it is
made, whatever was pinned in code: the SageMaker SDK pins its STS endpoint, tutorials name profiles, read
public buckets unsigned, or carry keys. The second refuses to resolve the name of an AWS host, for what does
not go through botocore (telemetry, plain downloads); the error says so.

Nothing is imported before the program imports it: botocore is changed when it is loaded.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import socket
import sys

# typing costs 5 ms at every start of Python, and its names stand in annotations only.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

URL, KEY, SECRET = "SAGEWIZARD_EXEC_URL", "SAGEWIZARD_EXEC_KEY", "SAGEWIZARD_EXEC_SECRET"
PACE = "SAGEWIZARD_EXEC_PACE"
_LONGEST_PAUSE = 0.5
# The SageMaker SDK's modules, of both versions, and the resource classes that came before version 3: many of
# them sleep before they look again.
_SDK = ("sagemaker.", "sagemaker_core.")
# These two make names of the time, too, so their clock stays as it is.
_NAMING = ("sagemaker.utils", "sagemaker.core.common_utils")
# Where version 3 of the SDK names jobs.
_NAMING_JOBS = ("sagemaker.train.utils", "sagemaker.core.modules.utils")
_VARIABLES = re.compile(r"AWS_.*|SAGEWIZARD_EXEC_.*|SAGEMAKER_USER_CONFIG_OVERRIDE|NO_PROXY|no_proxy")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
# How notebooks name the kernels of SageMaker's notebook instances and of Studio; R has one of its own.
_KERNELS = re.compile(r"conda_(?!r$)\w+|python\d__SAGEMAKER_INTERNAL__.*", re.IGNORECASE)
# The SageMaker SDK's modules that validate its configuration, of both versions: at every value they look up.
_VALIDATING = (
    "sagemaker.config.config",
    "sagemaker.core.config.config",
    "sagemaker.core.config.config_manager",
    "sagemaker.core.utils.intelligent_defaults_helper",
    "sagemaker_core.main.default_configs_helper",
)
# The plugin for MLflow servers of SageMaker: where it keeps experiments, and where models.
_MLFLOW = ("sagemaker_mlflow.mlflow_sagemaker_store", "sagemaker_mlflow.mlflow_sagemaker_registry_store")
_AWS_HOST = re.compile(
    r"(?:.*\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws|api\.amazonwebservices\.com\.cn|aws\.dev|sagemaker\.aws)"
    r"|169\.254\.169\.254|169\.254\.170\.(?:2|23)|fd00:ec2::(?:254|23)",
    re.IGNORECASE,
)


def install() -> None:
    """Put both lines in place; does nothing where the variables of `sandbox exec` are missing."""
    url, key, secret = (os.environ.get(name) for name in (URL, KEY, SECRET))
    if not (url and key and secret):
        return
    # Remembered now: a program may change os.environ later.
    # At AWS's own pace a program waits as it would there, as the sandbox's held answers do.
    place = _Sandbox(url, key, secret, hurried=os.environ.get(PACE, "instant") == "instant")
    if "subprocess" in sys.modules:
        _children_too(sys.modules["subprocess"])
    older = _older()
    patches = {**place.patches(), **older.numbers(before_pandas_2=True)}
    sys.meta_path.insert(0, older.Finder(patches, _SDK, _look_often if place.hurried else None))
    _refuse_aws_hosts()


def _older() -> Any:
    """Load what brings back dropped names of numpy and pandas, which stands in a folder of its own."""
    folder = os.path.normpath(os.path.join(os.path.abspath(__file__), "..", "..", "..", "older"))  # noqa: PTH100, PTH118
    sys.path.insert(0, folder)
    try:
        import _sagewizard_older  # type: ignore[import-not-found]
    finally:
        sys.path.remove(folder)
    return _sagewizard_older


class _Sandbox:
    """Where the sandbox is and whose key it takes, and the changes to each module that follow from it."""

    def __init__(self, url: str, key: str, secret: str, *, hurried: bool) -> None:
        self.url, self.key, self.secret = url, key, secret
        self.hurried = hurried

    def patches(self) -> dict[str, Callable[[ModuleType], None]]:
        return {
            "botocore.args": lambda module: self._clients(module.ClientArgsCreator),
            "botocore.session": lambda module: self._sessions(module.Session),
            "botocore.loaders": lambda module: _read_models_once(module.JSONFileLoader),
            "aiobotocore.args": lambda module: self._clients(module.AioClientArgsCreator),
            **dict.fromkeys(_NAMING, _name_to_the_second),
            **dict.fromkeys(_NAMING_JOBS, _give_no_name_twice),
            **dict.fromkeys(_VALIDATING, _check_schemas_once),
            "jupyter_client.kernelspec": _know_sagemakers_kernels,
            "pyarrow.fs": self._arrow,
            **dict.fromkeys(_MLFLOW, _no_tracking_server),
            "subprocess": _children_too,
        }

    def _credentials(self, asynchronous: bool) -> Any:
        if asynchronous:
            from aiobotocore.credentials import AioCredentials as Kind  # type: ignore[import-not-found]
        else:
            from botocore.credentials import Credentials as Kind
        return Kind(self.key, self.secret)

    def _clients(self, creator: Any) -> None:
        """Change how a client's endpoint, signer and configuration are made."""
        original = creator.get_client_args
        signature = inspect.signature(original)
        asynchronous = creator.__module__.startswith("aiobotocore")

        @functools.wraps(original)
        def get_client_args(*args: Any, **options: Any) -> Any:
            bound = signature.bind(*args, **options)
            given = bound.arguments
            given["endpoint_url"] = self.url
            given["is_secure"] = self.url.startswith("https")
            given["credentials"] = self._credentials(asynchronous)
            given["client_config"] = _local(given.get("client_config"))
            made = original(*bound.args, **bound.kwargs)
            if not asynchronous:
                self._endpoints(made.get("endpoint_ruleset_resolver"))
            return made

        creator.get_client_args = get_client_args

    def _endpoints(self, resolver: Any) -> None:
        """Take away what some services put before the host, such as the account id of S3 Control."""
        if resolver is None:
            return
        from urllib.parse import urlsplit

        original, host = resolver.construct_endpoint, urlsplit(self.url).netloc

        def construct(*args: Any, **options: Any) -> Any:
            endpoint = original(*args, **options)
            parts = urlsplit(endpoint.url)
            if parts.netloc == host:
                return endpoint
            return endpoint._replace(url=parts._replace(scheme="http", netloc=host).geturl())

        resolver.construct_endpoint = construct

    def _arrow(self, module: Any) -> None:
        """Change how Arrow opens S3, which has a client of its own: pandas reads Parquet with it."""
        plain, s3 = module.FileSystem, getattr(module, "S3FileSystem", None)
        if s3 is None:
            return
        scheme, _, host = self.url.partition("://")
        place = {
            "scheme": scheme,
            "endpoint_override": host,
            "access_key": self.key,
            "secret_key": self.secret,
        }

        class S3FileSystem(s3):  # type: ignore[misc, valid-type]
            def __init__(self, **options: Any) -> None:
                kept = {
                    "region": "us-east-1",
                    **{name: options[name] for name in options if name == "region"},
                }
                super().__init__(**kept, **place)

        class Kind(type(plain)):  # type: ignore[misc]
            def __instancecheck__(cls, instance: Any) -> bool:
                return isinstance(instance, plain)

        class FileSystem(plain, metaclass=Kind):  # type: ignore[misc, valid-type]
            @staticmethod
            def from_uri(uri: Any) -> Any:
                text = os.fspath(uri)
                if text.startswith("s3://"):
                    return S3FileSystem(), text[len("s3://") :].partition("?")[0]
                return plain.from_uri(uri)

        module.S3FileSystem, module.FileSystem = S3FileSystem, FileSystem

    def _sessions(self, session: Any) -> None:
        """Let every profile name be one without settings, and every session have the sandbox's key."""
        scoped, credentials = session.get_scoped_config, session.get_credentials

        @functools.wraps(scoped)
        def get_scoped_config(own: Any) -> Any:
            from botocore.exceptions import ProfileNotFound

            try:
                return scoped(own)
            except ProfileNotFound:
                return {}

        @functools.wraps(credentials)
        def get_credentials(own: Any) -> Any:
            return self._credentials(False)

        session.get_scoped_config = get_scoped_config
        session.get_credentials = get_credentials


class _Impatient:
    """The module `time` for one module: pauses last half a second at most; its clock counts them whole."""

    def __init__(self, real: ModuleType, *, counts: bool) -> None:
        self._real = real
        self._skipped = 0.0
        self._counts = counts

    def sleep(self, seconds: float) -> None:
        pause = min(seconds, _LONGEST_PAUSE)
        if self._counts:
            self._skipped += seconds - pause
        self._real.sleep(pause)

    def time(self) -> float:
        now: float = self._real.time()
        return now + self._skipped

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _look_often(module: Any) -> None:
    """Let the SageMaker SDK look every half second: it sleeps for up to 30 before its first look.

    While version 2 follows a job's log it asks for the status only after 30 seconds, by its own clock.
    """
    import time

    if module.__dict__.get("time") is time:
        module.time = _Impatient(time, counts=module.__name__ not in _NAMING)
    # Of version 3, how long ModelBuilder.deploy waits before each look; one of its pauses is out of reach.
    if "EP_LOGGER_POLL" in module.__dict__:
        module.EP_LOGGER_POLL = _LONGEST_PAUSE


def _read_models_once(loader: Any) -> None:
    """Let all sessions share what botocore knows of the services: reading it is 0.1 s of work for SageMaker.

    The SageMaker SDK makes a session after another, and each of them reads the same files again.
    """
    original = loader.load_file
    known: dict[str, Any] = {}

    @functools.wraps(original)
    def load_file(own: Any, file_path: Any) -> Any:
        if file_path not in known:
            known[file_path] = original(own, file_path)
        return known[file_path]

    loader.load_file = load_file


class _Jsonschema:
    """The module `jsonschema` for one module: it checks a schema once, and every value against it."""

    def __init__(self, real: ModuleType) -> None:
        self._real: Any = real
        self._known: dict[int, tuple[Any, Any]] = {}

    def validate(self, instance: Any, schema: Any) -> None:
        found = self._known.get(id(schema))
        if found is None:
            kind = self._real.validators.validator_for(schema)
            kind.check_schema(schema)
            # The schema is kept, so that no other one gets its id.
            found = self._known[id(schema)] = (kind(schema), schema)
        error = self._real.exceptions.best_match(found[0].iter_errors(instance))
        if error is not None:
            raise error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def _check_schemas_once(module: Any) -> None:
    """Let the SageMaker SDK check the schema of its configuration once, not at every value it looks up.

    It looks up some seventy in a small script as soon as there is a configuration, as there is here, and
    each check takes 50 ms: most of the time of a script with version 2.
    """
    if hasattr(module, "jsonschema"):
        module.jsonschema = _Jsonschema(module.jsonschema)


def _no_tracking_server(module: Any) -> None:
    """Let MLflow say at once that there is no server of SageMaker's: it would try its host for minutes."""
    from mlflow.exceptions import MlflowException  # type: ignore[import-not-found]

    def refuse(self: Any, store_uri: Any, *args: Any, **options: Any) -> None:
        raise MlflowException(
            f"The sandbox has no MLflow servers, and {store_uri} is one of AWS. MLflow can keep its runs on"
            " this machine instead: mlflow.set_tracking_uri('sqlite:///mlflow.db')."
        )

    for name, kind in list(vars(module).items()):
        if isinstance(kind, type) and kind.__module__ == module.__name__ and name.endswith("Store"):
            kind.__init__ = refuse  # type: ignore[misc]


def _name_to_the_second(module: Any) -> None:
    """Let the SageMaker SDK name tuning jobs by the second, not by the minute, and none by the last one's.

    On AWS no two of them fit into a minute; here a notebook that compares two strategies runs both in one,
    and the second would be refused because its name is taken.
    """
    if hasattr(module, "sagemaker_short_timestamp"):
        module.sagemaker_short_timestamp = _never_twice(lambda: module.time.strftime("%y%m%d-%H%M%S"))


def _give_no_name_twice(module: Any) -> None:
    """Let version 3 of the SageMaker SDK wait for the next second where a job's name would come again.

    Its names end in the second. On AWS no two jobs that are waited for fit into one; here a loop over
    hyperparameters runs several.
    """
    original = getattr(module, "_get_unique_name", None)
    if original is not None:
        vars(module)["_get_unique_name"] = _never_twice(original)


def _never_twice(make: Callable[..., str]) -> Callable[..., str]:
    """Wrap what makes a name that ends in the second: it waits for the next one rather than repeat itself."""
    import time

    given: set[str] = set()

    @functools.wraps(make)
    def made(*args: Any, **options: Any) -> str:
        # A long name has its time cut off, and never changes.
        limit = time.monotonic() + 1.5
        while (name := make(*args, **options)) in given and time.monotonic() < limit:
            time.sleep(0.02)
        given.add(name)
        return name

    return made


def _know_sagemakers_kernels(module: Any) -> None:
    """Run a notebook that names a kernel of SageMaker's, such as conda_python3, with this Python's own."""
    original = module.KernelSpecManager.get_kernel_spec

    @functools.wraps(original)
    def get_kernel_spec(own: Any, kernel_name: str) -> Any:
        try:
            return original(own, kernel_name)
        except module.NoSuchKernel:
            if _KERNELS.fullmatch(kernel_name) is None:
                raise
            return original(own, module.NATIVE_KERNEL_NAME)

    module.KernelSpecManager.get_kernel_spec = get_kernel_spec


def _local(config: Any) -> Any:
    """Return a client's configuration without what only an AWS host name can do, and never unsigned."""
    from botocore import UNSIGNED
    from botocore.config import Config

    config = config or Config()
    s3 = dict(getattr(config, "s3", None) or {})
    for name in ("use_accelerate_endpoint", "use_dualstack_endpoint", "us_east_1_regional_endpoint"):
        s3.pop(name, None)
    s3["addressing_style"] = "path"
    changes: dict[str, Any] = {"s3": s3, "proxies": {}}
    for name in ("inject_host_prefix", "use_dualstack_endpoint", "use_fips_endpoint"):
        if hasattr(config, name):
            changes[name] = False
    if config.signature_version is UNSIGNED:
        changes["signature_version"] = None
    return config.merge(Config(**changes))


def _refuse_aws_hosts() -> None:
    """Let no name of an AWS host be resolved in this process."""
    original = socket.getaddrinfo

    @functools.wraps(original)
    def getaddrinfo(host: Any, *args: Any, **options: Any) -> Any:
        name = host.decode("ascii", "replace") if isinstance(host, (bytes, bytearray)) else host
        if isinstance(name, str) and _AWS_HOST.fullmatch(name.rstrip(".")):
            raise socket.gaierror(
                socket.EAI_NONAME,
                f"{name} belongs to AWS, and a program under `sagewizard sandbox exec` does not reach AWS."
                " Use boto3 or the SageMaker SDK, which are sent to the sandbox.",
            )
        return original(host, *args, **options)

    socket.getaddrinfo = getaddrinfo


def _children_too(module: Any) -> None:
    """Let a program that is started with an environment of its own see AWS as the sandbox, too.

    The SDK starts a Python with next to no variables: it would find no region, or the person's own account.
    """
    ours = {name: value for name, value in os.environ.items() if _VARIABLES.fullmatch(name)}
    site = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 (no pathlib at every start)
    original = module.Popen.__init__
    signature = inspect.signature(original)

    @functools.wraps(original)
    def start(*args: Any, **options: Any) -> None:
        bound = signature.bind(*args, **options)
        env = bound.arguments.get("env")
        if env is not None and URL not in env and all(isinstance(name, str) for name in env):
            kept = {n: env[n] for n in env if not n.startswith("AWS_") or n in _REGIONS}
            path = [site, *(kept.get("PYTHONPATH") or "").split(os.pathsep)]
            bound.arguments["env"] = {
                **ours,
                **kept,
                "PYTHONPATH": os.pathsep.join(entry for entry in path if entry),
            }
        original(*bound.args, **bound.kwargs)

    module.Popen.__init__ = start
