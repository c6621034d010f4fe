"""`sandbox exec` from outside: what a program below it sees, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sagewizard.sandbox import launcher
from sagewizard.settings import Settings

PROJECT = Path(__file__).resolve().parents[3]
ROLE = "arn:aws:sts::123456789012:assumed-role/SageWizardSandboxRole/SageMaker"


@pytest.fixture(scope="module")
def exec_home(tmp_path_factory):
    home = tmp_path_factory.mktemp("exec-home")
    yield home
    launcher.stop(Settings(home=home, data=None), force=True)


@pytest.fixture
def environ(exec_home):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SAGEWIZARD_"))}
    # An account of one's own, a proxy that answers nobody, and settings that must not be seen below.
    return kept | {
        "PYTHONPATH": str(PROJECT),
        "SAGEWIZARD_HOME": str(exec_home),
        "AWS_ACCESS_KEY_ID": "AKIAOWNOWNOWNOWNOWN0",
        "AWS_SECRET_ACCESS_KEY": "own",
        "AWS_SESSION_TOKEN": "own",
        "AWS_PROFILE": "own",
        "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "NO_PROXY": "internal.example",
        "no_proxy": "internal.example",
    }


@pytest.fixture
def run(environ, tmp_path):
    def run(source, *arguments, **options):
        script = tmp_path / "script.py"
        script.write_text(textwrap.dedent(source))
        return execute(environ | options.pop("env", {}), sys.executable, str(script), *arguments, **options)

    return run


def execute(environ, *command, **options):
    options.setdefault("capture_output", True)
    return subprocess.run(
        [sys.executable, "-m", "sagewizard", "sandbox", "exec", "--", *command],
        env=environ, timeout=120, check=False, encoding="utf-8", **options,
    )  # fmt: skip


def printed(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_client_goes_to_the_sandbox_whatever_was_pinned(run):
    seen = printed(
        run(
            """
            import json, boto3
            from botocore import UNSIGNED
            from botocore.config import Config

            sts = boto3.client("sts", region_name="eu-west-1", endpoint_url="https://sts.eu-west-1.amazonaws.com")
            public = boto3.client("s3", config=Config(signature_version=UNSIGNED))
            virtual = boto3.client("s3", config=Config(s3={"addressing_style": "virtual",
                                                           "use_accelerate_endpoint": True}))
            profile = boto3.Session(profile_name="nobodys")
            keys = boto3.Session(aws_access_key_id="AKIAX", aws_secret_access_key="y", aws_session_token="z")
            bucket = "sagemaker-us-east-1-123456789012"
            boto3.client("s3").put_object(Bucket=bucket, Key="a/b", Body=b"42")
            print(json.dumps({
                "identity": sts.get_caller_identity()["Arn"],
                "public": public.get_object(Bucket=bucket, Key="a/b")["Body"].read().decode(),
                "virtual": virtual.get_object(Bucket=bucket, Key="a/b")["Body"].read().decode(),
                "profile": profile.client("sts", region_name="us-west-2").get_caller_identity()["Arn"],
                "keys": keys.client("sts").get_caller_identity()["Arn"],
                "own": profile.get_credentials().access_key[:4],
            }))
            """
        )
    )
    assert seen == {
        "identity": ROLE, "public": "42", "virtual": "42", "profile": ROLE, "keys": ROLE, "own": "SWSB"
    }  # fmt: skip


def test_a_client_made_after_the_program_changed_its_environment_still_goes_to_the_sandbox(run):
    seen = printed(
        run(
            """
            import json, os
            os.environ["AWS_ACCESS_KEY_ID"] = "AKIAINCODE"
            os.environ["AWS_ENDPOINT_URL"] = "https://s3.amazonaws.com"
            os.environ["AWS_DEFAULT_REGION"] = "eu-central-1"
            import boto3
            client = boto3.client("sts")
            print(json.dumps([client.meta.region_name, client.get_caller_identity()["Arn"]]))
            """
        )
    )
    assert seen == ["eu-central-1", ROLE]


def test_sessions_share_what_botocore_knows_of_a_service(run):
    source = """
        import json
        from botocore.session import Session
        one, other = (Session().get_component("data_loader") for _ in range(2))
        print(json.dumps(one is not other and one.load_data("endpoints") is other.load_data("endpoints")))
    """
    assert printed(run(source)) is True


def test_presigned_addresses_work_with_plain_http(run):
    seen = printed(
        run(
            """
            import json, urllib.request, boto3
            s3 = boto3.client("s3")
            place = {"Bucket": "sagemaker-us-east-1-123456789012", "Key": "signed"}
            s3.put_object(**place, Body=b"presigned")
            with urllib.request.urlopen(s3.generate_presigned_url("get_object", place)) as answer:
                print(json.dumps(answer.read().decode()))
            """
        )
    )
    assert seen == "presigned"


@pytest.mark.parametrize(
    "host",
    [
        "s3.amazonaws.com", "sts.cn-north-1.amazonaws.com.cn", "bucket.s3.eu-west-1.amazonaws.com",
        "SageMaker.us-east-1.api.aws", "169.254.169.254", "169.254.170.2",
    ],
)  # fmt: skip
def test_no_aws_host_is_reached_by_other_ways(run, host):
    # With the proxy, too: AWS hosts are asked for directly, so that their names are seen here.
    seen = printed(
        run(
            """
            import json, sys, urllib.error, urllib.request
            try:
                urllib.request.urlopen("http://" + sys.argv[1], timeout=5)
            except urllib.error.URLError as error:
                print(json.dumps(str(error)))
            """,
            host,
        )
    )
    assert f"{host} belongs to AWS" in seen
    assert "sagewizard sandbox exec" in seen


def test_other_names_resolve_as_ever(run):
    seen = printed(
        run(
            """
            import json, socket
            print(json.dumps(socket.getaddrinfo("localhost", 80, socket.AF_INET, socket.SOCK_STREAM)[0][4]))
            """
        )
    )
    assert seen == ["127.0.0.1", 80]


@pytest.mark.parametrize(
    ("service", "call"),
    [
        ("pricing", "describe_services()"),
        ("bedrock-runtime", "converse(modelId='m', messages=[])"),
        (
            "sagemaker-featurestore-runtime",
            "get_record(FeatureGroupName='g', RecordIdentifierValueAsString='1')",
        ),
    ],
)
def test_a_service_that_is_not_there_is_named_in_the_error(run, service, call):
    seen = printed(
        run(
            f"""
            import json, boto3
            from botocore.exceptions import ClientError
            try:
                boto3.client({service!r}).{call}
            except ClientError as error:
                print(json.dumps(error.response["Error"]))
            """
        )
    )
    assert seen["Code"] == "UnknownOperationException"
    assert seen["Message"].startswith("The sandbox does not have the ")
    assert service.partition("-")[0] in seen["Message"]


def test_services_with_canned_or_broken_answers_are_named_as_absent(run):
    seen = printed(
        run(
            """
            import json, boto3
            from botocore.exceptions import ClientError
            calls = [
                ("s3control", "list_jobs", {"AccountId": "123456789012"}),
                ("comprehend", "detect_sentiment", {"Text": "fine", "LanguageCode": "en"}),
                ("glue", "get_databases", {}),
                ("athena", "list_work_groups", {}),
                ("cloudformation", "list_stacks", {}),
            ]
            said = []
            for service, operation, given in calls:
                try:
                    getattr(boto3.client(service), operation)(**given)
                except ClientError as error:
                    said.append(error.response["Error"]["Message"])
            print(json.dumps(said))
            """
        )
    )
    names = ("s3control", "'comprehend'", "'glue'", "'athena'", "'cloudformation'")
    assert [name in text for name, text in zip(names, seen, strict=True)] == [True] * 5
    assert all("The sandbox does not have" in text for text in seen)


def test_a_notebook_is_executed_by_nbconvert_below_it(environ, tmp_path):
    import nbformat

    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell("import boto3\nboto3.client('sts').get_caller_identity()['Arn']"),
        nbformat.v4.new_code_cell("!echo from a shell: $AWS_DEFAULT_REGION"),
    ]
    # As AWS's example notebooks have it.
    notebook.metadata.kernelspec = {"name": "conda_python3", "display_name": "conda_python3"}
    nbformat.write(notebook, tmp_path / "tutorial.ipynb")
    # The kernel is started by the program, which is what must not lose the way to the sandbox.
    done = execute(
        environ | {"IPYTHONDIR": str(tmp_path / "ipython"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime")},
        sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute",
        "--output", str(tmp_path / "done.ipynb"), str(tmp_path / "tutorial.ipynb"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cells = nbformat.read(tmp_path / "done.ipynb", as_version=4).cells
    assert ROLE in cells[0].outputs[0]["data"]["text/plain"]
    assert "from a shell: us-east-1" in cells[1].outputs[0]["text"]


def test_every_simulated_permission_is_allowed(run):
    seen = printed(
        run(
            """
            import json, boto3
            iam = boto3.client("iam")
            role = iam.get_role(RoleName="SageWizardSandboxRole")["Role"]
            answer = iam.simulate_principal_policy(
                PolicySourceArn=role["Arn"], ActionNames=["s3:GetObject", "sagemaker:CreateTrainingJob"],
                ResourceArns=["arn:aws:s3:::a/*", "*"],
            )
            trust = role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"]
            results = [[r["EvalActionName"], r["EvalResourceName"], r["EvalDecision"]]
                       for r in answer["EvaluationResults"]]
            print(json.dumps([trust, answer["IsTruncated"], results]))
            """
        )
    )
    assert seen == [
        "sagemaker.amazonaws.com",
        False,
        [
            [action, resource, "allowed"]
            for resource in ("arn:aws:s3:::a/*", "*")
            for action in ("s3:GetObject", "sagemaker:CreateTrainingJob")
        ],
    ]


def test_pandas_splits_and_replaces_as_the_notebooks_know_it(run):
    seen = printed(
        run(
            """
            import json
            import numpy as np
            import pandas as pd

            table = pd.DataFrame({"kind": [b"Abnormal", b"Normal"] * 5, "x": range(10)})
            table["kind"] = table["kind"].replace({b"Abnormal": 1, b"Normal": 0})
            parts = np.split(table.sample(frac=1, random_state=1729), [7, 9])
            table["job"] = ["student", "retired"] * 5
            more = [
                np.where(np.in1d(table["job"], ["student"]), 1, 0).tolist()[:2],
                pd.get_dummies(table[["job"]])[:2].to_csv(index=False, header=False, lineterminator=";"),
                len(table.append(table[:2])),
                list(table.corr().columns),
            ]
            print(json.dumps([str(table["kind"].dtype), [[type(p).__name__, *p.shape] for p in parts], more]))
            """
        )
    )
    assert seen[:2] == ["int64", [["DataFrame", rows, 2] for rows in (7, 2, 1)]]
    assert seen[2] == [[1, 0], "0,1;1,0;", 12, ["kind", "x"]]


def test_a_sitecustomize_that_was_there_runs_too(run, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("import os\nos.environ['CHAINED'] = __file__\n")
    source = """
        import json, os, sys, sitecustomize, boto3
        print(json.dumps([os.environ.get("CHAINED"), sitecustomize.__file__,
                          boto3.client("sts").get_caller_identity()["Arn"]]))
    """
    path = os.pathsep.join([str(PROJECT), str(tmp_path / "site")])
    own = str(tmp_path / "site" / "sitecustomize.py")
    assert printed(run(source, env={"PYTHONPATH": path})) == [own, own, ROLE]


def test_python_starts_without_importing_anything_of_aws(run):
    seen = printed(
        run(
            """
            import json, sys
            names = ("boto3", "botocore", "urllib3", "sagewizard", "sagemaker")
            print(json.dumps([name for name in names if name in sys.modules]))
            """
        )
    )
    assert seen == []


def test_subprocesses_see_the_sandbox_too(run):
    seen = printed(
        run(
            """
            import subprocess, sys
            code = "import boto3, json; print(json.dumps(boto3.client('sts').get_caller_identity()['Arn']))"
            subprocess.run([sys.executable, "-c", code], check=True)
            """
        )
    )
    assert seen == ROLE


def test_subprocesses_with_an_environment_of_their_own_see_the_sandbox_too(run):
    # The SDK starts one with a single variable, and it needs at least a region.
    source = """
        import subprocess, sys
        code = "; ".join([
            "import boto3, json, os",
            "client = boto3.client('sts')",
            "own = sorted({'MINE', 'HOME', 'AWS_PROFILE'} & set(os.environ))",
            "print(json.dumps([client.get_caller_identity()['Arn'], client.meta.region_name, own]))",
        ])
        env = {"MINE": "1", "AWS_PROFILE": "own", "AWS_SECRET_ACCESS_KEY": "own"}
        subprocess.run([sys.executable, "-c", code], check=True, env=env)
    """
    assert printed(run(source)) == [ROLE, "us-east-1", ["MINE"]]


def test_the_sdk_checks_the_schema_of_its_configuration_once_and_every_configuration(run, tmp_path):
    package = tmp_path / "sagemaker" / "config"  # stands for the SDK, which takes seconds to import
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "config.py").write_text("import jsonschema\n")
    source = """
        import json, jsonschema
        from sagemaker.config import config
        checks, kind = [], jsonschema.Draft202012Validator
        plain = kind.check_schema
        kind.check_schema = classmethod(lambda cls, schema: (checks.append(1), plain(schema)))
        schema, wrong = {"type": "object"}, 0
        for value in ({}, {"a": 1}, 5, {}):
            try:
                config.jsonschema.validate(value, schema)
            except jsonschema.ValidationError:
                wrong += 1
        try:
            config.jsonschema.validate({}, {"type": "no such type"})
        except config.jsonschema.SchemaError:
            wrong += 10
        print(json.dumps([len(checks), wrong]))
    """
    assert printed(run(source)) == [2, 11]


def test_the_exit_code_passes_through(run):
    assert run("raise SystemExit(7)").returncode == 7


def test_stdin_stdout_and_arguments_are_the_programs_own(run):
    done = run(
        "import sys; print(sys.stdin.read() + '|'.join(sys.argv[1:]))", "--json", "-x", "--", input="in:"
    )
    assert done.stdout == "in:--json|-x|--\n"
    assert done.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_the_program_itself(environ, tmp_path, number):
    script = tmp_path / "waits.py"
    script.write_text(
        "import signal, sys\n"
        "def leave(number, frame):\n    print('got', number, flush=True)\n    sys.exit(23)\n"
        "for n in (signal.SIGINT, signal.SIGTERM):\n    signal.signal(n, leave)\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "sagewizard", "sandbox", "exec", sys.executable, str(script)],
        env=environ, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    assert (out, process.returncode) == (f"got {int(number)}\n", 23)


def test_a_program_that_does_not_exist_ends_with_127(environ):
    done = execute(environ, "no-such-program-here")
    assert done.returncode == 127
    assert "no-such-program-here" in done.stderr


def test_a_file_that_is_no_program_ends_with_126(environ, tmp_path):
    (tmp_path / "data.txt").write_text("no program")
    done = execute(environ, str(tmp_path / "data.txt"))
    assert done.returncode == 126
    assert "Permission denied" in done.stderr


def test_without_a_command_it_says_what_to_do(environ):
    done = execute(environ)
    assert done.returncode == 2
    assert "sandbox exec -- python" in done.stderr


def test_pytest_runs_below_it(environ, tmp_path):
    (tmp_path / "test_own.py").write_text(
        "import boto3\n\n\ndef test_identity():\n"
        "    assert 'SageWizardSandboxRole' in boto3.client('sts').get_caller_identity()['Arn']\n"
    )
    done = execute(environ, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_a_server_in_use_does_not_end_as_idle_and_its_keeper_ends_with_the_program(environ, tmp_path):
    home = tmp_path / "short"
    script = tmp_path / "rest.py"
    # A notebook that rests for longer than the server may be idle, then goes on.
    script.write_text(
        "import sys, boto3\n"
        "sts = boto3.client('sts')\n"
        "sts.get_caller_identity()\n"
        "print('resting', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(sts.get_caller_identity()['Account'], flush=True)\n"
    )
    settings = Settings(home=home, data=None)
    process = subprocess.Popen(
        [sys.executable, "-m", "sagewizard", "sandbox", "exec", "--", sys.executable, str(script)],
        env=environ | {"SAGEWIZARD_HOME": str(home), "SAGEWIZARD_SANDBOX_IDLE": "1"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "resting\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.5)
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "123456789012\n"
        process.wait(30)
        lock = settings.sandbox / "server.lock"
        gone = subprocess.run(["flock", str(lock), "true"], timeout=60, check=True)
        assert gone.returncode == 0
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
        launcher.stop(settings, force=True)


def test_the_sdk_gives_no_job_the_name_of_another(run, tmp_path):
    package = tmp_path / "sagemaker" / "train"  # stands for version 3 of the SDK
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "utils.py").write_text(
        "from datetime import datetime\n"
        "def _get_unique_name(base, max_length=63):\n"
        "    return f'{base}-{datetime.now():%Y%m%d%H%M%S}'[:max_length]\n"
    )
    source = """
        import json
        from sagemaker.train.utils import _get_unique_name
        print(json.dumps([*(_get_unique_name("a") for _ in range(3)), _get_unique_name("b", max_length=1),
                          _get_unique_name("b", max_length=1)]))
    """
    *names, cut, again = printed(run(source))
    assert len(set(names)) == 3 and all(len(name) == len("a-20261121093000") for name in names)
    assert (cut, again) == ("b", "b")


def test_mlflow_says_at_once_that_there_is_no_server_of_sagemakers(run, tmp_path):
    for name, text in {
        "mlflow/exceptions.py": "class MlflowException(Exception): pass\n",
        "sagemaker_mlflow/mlflow_sagemaker_store.py": "class MlflowSageMakerStore:\n    pass\n",
    }.items():
        file = tmp_path / name
        file.parent.mkdir()
        file.with_name("__init__.py").write_text("", encoding="utf-8")
        file.write_text(text, encoding="utf-8")
    done = run("""
        from sagemaker_mlflow.mlflow_sagemaker_store import MlflowSageMakerStore
        MlflowSageMakerStore("arn:aws:sagemaker:us-east-1:123456789012:mlflow-tracking-server/mine", "")
    """)
    assert done.returncode == 1
    assert "MlflowException: The sandbox has no MLflow servers" in done.stderr
    assert "mlflow-tracking-server/mine" in done.stderr


def test_the_sdks_pauses_are_short_unless_the_sandbox_plays_awss_own_pace(run, tmp_path):
    package = tmp_path / "sagemaker"  # stands for the SDK, which takes seconds to import
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "session.py").write_text("import time\nEP_LOGGER_POLL = 30\n")
    (package / "utils.py").write_text("import time\n")  # makes names of the time as well
    before = tmp_path / "sagemaker_core"  # has the resource classes beside version 2
    before.mkdir()
    (before / "__init__.py").write_text("")
    (before / "resources.py").write_text("import time\n")
    source = """
        import json, sys, time, sagemaker.session, sagemaker.utils, sagemaker_core.resources
        ahead = []
        for module in (sagemaker.session, sagemaker_core.resources, sagemaker.utils):
            module.time.sleep(float(sys.argv[1]))
            ahead.append(round(module.time.time() - time.time()))
        print(json.dumps([*ahead, sagemaker.session.EP_LOGGER_POLL]))
    """
    assert printed(run(source, "1.5")) == [1, 1, 0, 0.5]
    slow = Settings(home=tmp_path / "home", data=None)
    launcher.ensure(slow, pace="real")
    try:
        assert launcher.status(slow)["pace"] == "real"
        assert printed(run(source, "0.6", env={"SAGEWIZARD_HOME": str(slow.home)})) == [0, 0, 0, 30]
    finally:
        launcher.stop(slow, force=True)
