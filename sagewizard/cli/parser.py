"""The arguments of every command; imports nothing but the standard library.

Each command's default `command` names the module and the function that do it, as "module:function".
"""

from __future__ import annotations

import argparse
from typing import Any

TARGETS = ("sandbox", "aws")

_YES = "do not ask; on AWS together with --budget, which says how much may be spent"

_EPILOG = """\
exit codes:
  0 done    1 a job failed    2 wrong usage or input, nothing was created
  3 the target does not answer or refuses who asks    4 something took too long
  5 done or not, but something that costs money is still there
  6 the budget did not suffice: stopped before it was passed, and torn down    130 interrupted

environment:
  SAGEWIZARD_HOME   where runs, the ledger, the sandbox and the cache are kept
  SAGEWIZARD_DATA   a folder of datasets of your own
  NO_COLOR          no colours
"""


class _Parser(argparse.ArgumentParser):
    """Offers the nearest command for a misspelt one."""

    def error(self, message: str) -> None:  # type: ignore[override]
        from difflib import get_close_matches

        choices = [
            name
            for action in self._actions
            if isinstance(action.choices, dict)  # only the list of commands is one
            for name in action.choices
        ]
        hint = ""
        if "invalid choice: " in message and choices:
            wrong = message.split("invalid choice: ")[1].split(" ")[0].strip("'\"")
            near = get_close_matches(wrong, choices, n=1)
            message = f"there is no command {wrong!r}"
            hint = (
                f"Did you mean `{self.prog} {near[0]}`?\n" if near else f"There are {', '.join(choices)}.\n"
            )
        self.exit(2, f"{self.prog}: {message}\n{hint}See `{self.prog} --help`.\n")


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of `sagewizard`."""
    from sagewizard import __version__

    parser = _Parser(
        prog="sagewizard",
        description="Learn and run SageMaker from a terminal. Everything happens in the embedded sandbox, "
        "unless you choose --target aws.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"sagewizard {__version__}")
    parser.add_argument(
        "--instructor", action="store_true",
        help="with the recipe's notes for whoever teaches; on its own, it opens the app with them",
    )  # fmt: skip
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)
    _run(commands)
    _guide(commands)
    _recipes(commands)
    _runs(commands)
    _replay(commands)
    _code(commands)
    _resources(commands)
    _doctor(commands)
    _explain(commands)
    _sandbox(commands)
    return parser


def _add(commands: Any, name: str, command: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=f"{text[0].upper()}{text[1:]}.", allow_abbrev=False
    )
    if command:
        parser.set_defaults(command=command)
    return parser


def _group(commands: Any, name: str, text: str) -> Any:
    parser = _add(commands, name, "", text)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_Parser)


def _target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target", choices=TARGETS, default="sandbox", help="where to run (default: sandbox)"
    )
    parser.add_argument("--region", metavar="REGION", help="AWS region (default: the target's own)")
    parser.add_argument(
        "--profile", metavar="NAME", help="profile of your AWS configuration, with --target aws"
    )
    parser.add_argument("--role", metavar="ARN", help="execution role, with --target aws")


def _regions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--target", choices=TARGETS, default="sandbox", help="where (default: sandbox)")
    parser.add_argument(
        "--region", metavar="REGION", action="append", default=[], dest="regions",
        help="AWS region; may be given several times (default: the target's own, and those of the ledger)",
    )  # fmt: skip
    parser.add_argument("--all-regions", action="store_true", help="in every region that SageMaker is in")
    parser.add_argument(
        "--owner",
        metavar="NAME",
        action="append",
        default=[],
        dest="owners",
        help="also what is tagged as this owner's, on AWS",
    )
    parser.add_argument(
        "--profile", metavar="NAME", help="profile of your AWS configuration, with --target aws"
    )


def _how(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[], dest="settings",
        help="set an option for this run, such as train.epochs=5; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--from", metavar="STEP", dest="from_step", help="do this step and all after it again"
    )
    parser.add_argument("--until", metavar="STEP", help="stop after this step")
    parser.add_argument("--keep", action="store_true", help="leave out the teardown: everything stays")
    parser.add_argument(
        "--budget", metavar="USD", type=float,
        help="stop and tear down before the run would cost more; in the sandbox, what AWS would charge",
    )  # fmt: skip
    _ttl(parser)
    parser.add_argument("--json", action="store_true", help="one event a line on stdout")
    parser.add_argument("--quiet", action="store_true", help="no narration on stderr")
    _instructor(parser)


def _ttl(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ttl", metavar="TIME",
        help="the endpoint deletes itself so long after its last use (2h, 90m), even if this machine never"
        " comes back",
    )  # fmt: skip
    parser.add_argument(
        "--ttl-else", choices=("stop", "continue"),
        help="where that is not allowed: stop before the endpoint is made (default), or go on without",
    )  # fmt: skip
    parser.add_argument(
        "--ttl-role", metavar="NAME", help="the role that deletes it (default: SageWizardSchedulerRole)"
    )


def _instructor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--instructor", action="store_true", default=argparse.SUPPRESS,
        help="with the recipe's notes for whoever teaches",
    )  # fmt: skip


def _run(commands: Any) -> None:
    run = _add(commands, "run", "run:run", "run a recipe from its dataset to its teardown")
    run.add_argument("recipe", metavar="RECIPE", help="name of a recipe, or the path of one")
    _how(run)
    _target(run)
    run.add_argument(
        "--dry-run", action="store_true", help="show the plan and what it costs on AWS; nothing is created"
    )
    run.add_argument("--yes", action="store_true", help=_YES)


def _guide(commands: Any) -> None:
    guide = _add(commands, "guide", "guide:guide", "go through a project question by question")
    guide.add_argument(
        "recipe", metavar="RECIPE", nargs="?", help="name of a recipe, or the path of one (default: it asks)"
    )
    guide.add_argument(
        "--plain", action="store_true",
        help="numbered questions, one line at a time: for screen readers, pipes and plain terminals",
    )  # fmt: skip
    guide.add_argument(
        "--set", metavar="PATH=VALUE", action="append", default=[], dest="settings",
        help="set an option beforehand, such as train.epochs=5; may be given several times",
    )  # fmt: skip
    _ttl(guide)
    _instructor(guide)
    _target(guide)


def _recipes(commands: Any) -> None:
    recipes = _group(commands, "recipes", "list, show and check recipes")
    listing = _add(recipes, "list", "recipes:list_recipes", "list the recipes there are")
    listing.add_argument("--json", action="store_true", help="as JSON")
    show = _add(
        recipes, "show", "recipes:show", "show a recipe: its steps, texts and everything that can be set"
    )
    show.add_argument("recipe", metavar="RECIPE")
    _instructor(show)
    show.add_argument("--yaml", action="store_true", help="the file as it is")
    show.add_argument("--json", action="store_true", help="as JSON")
    validate = _add(recipes, "validate", "recipes:validate", "check a recipe file")
    validate.add_argument("recipes", metavar="RECIPE", nargs="+")
    _add(recipes, "schema", "recipes:schema", "print the JSON schema of recipe files, for editors")
    new = _add(recipes, "new", "recipes:new", "start a recipe of your own")
    new.add_argument("name", metavar="NAME", help="such as first-steps: small letters, digits, hyphens")
    source = new.add_mutually_exclusive_group()
    source.add_argument(
        "--template", metavar="RECIPE", help="from another recipe (default: a small one with comments)"
    )
    source.add_argument(
        "--run", metavar="RUN", help="from a run, with what was set for it: its id, or `last`"
    )
    source.add_argument("--csv", metavar="FILE", help="for a CSV file of yours")
    new.add_argument("--label", metavar="COLUMN", help="with --csv: what to predict (default: proposed)")
    new.add_argument("--title", metavar="TEXT", help="its title")
    new.add_argument("-o", "--output", metavar="FILE", help="where to write it (default: NAME.yaml)")


def _runs(commands: Any) -> None:
    runs = _group(commands, "runs", "list, show, resume, compare and export runs")
    listing = _add(runs, "list", "runs:list_runs", "list the runs, newest first")
    listing.add_argument("--json", action="store_true", help="as JSON")
    show = _add(runs, "show", "runs:show", "show a run: its steps, results, costs and what is alive of it")
    show.add_argument("run", metavar="RUN", help="id of a run, part of it, or `last`")
    show.add_argument("--json", action="store_true", help="as JSON")
    resume = _add(runs, "resume", "run:resume", "go on with a run")
    resume.add_argument("run", metavar="RUN", help="id of a run, part of it, or `last`")
    _how(resume)
    resume.add_argument(
        "--profile", metavar="NAME", help="profile of your AWS configuration, for a run on AWS"
    )
    resume.add_argument("--role", metavar="ARN", help="execution role, for a run on AWS")
    resume.add_argument("--yes", action="store_true", help=_YES)
    compare = _add(runs, "compare", "runs:compare", "set two runs side by side, and what differs")
    compare.add_argument("one", metavar="A", help="id of a run, part of it, or `last`")
    compare.add_argument("other", metavar="B", help="another one")
    compare.add_argument("--json", action="store_true", help="as JSON")
    export = _add(
        runs, "export", "runs:export", "write a run as one file that plays back anywhere, without its secrets"
    )
    export.add_argument("run", metavar="RUN", help="id of a run, part of it, or `last`")
    export.add_argument("file", metavar="OUT.swrun", nargs="?", help="the file (default: the run's id.swrun)")
    export.add_argument("--force", action="store_true", help="put it in the place of a file that is there")
    export.add_argument("--json", action="store_true", help="say what was written as JSON")


def _replay(commands: Any) -> None:
    replay = _add(commands, "replay", "replay:replay", "play a recorded run back, without a target or a bill")
    replay.add_argument(
        "run", metavar="RUN|FILE", nargs="?",
        help="a run, a .swrun file, or the name of a recorded run that ships (without one: list these)",
    )  # fmt: skip
    pace = replay.add_mutually_exclusive_group()
    pace.add_argument(
        "--speed", metavar="N", default="1", help="how many times as fast, or max for no waiting (default: 1)"
    )
    pace.add_argument("--step", action="store_true", help="stop at the end of each step until Enter")
    replay.add_argument("--from", metavar="STEP", dest="from_step", help="begin at this step")
    replay.add_argument("--app", action="store_true", help="in the app instead of the terminal")
    replay.add_argument("--json", action="store_true", help="one event a line on stdout")
    replay.add_argument("--quiet", action="store_true", help="no narration on stderr")
    _instructor(replay)


def _code(commands: Any) -> None:
    code = _add(commands, "code", "code:code", "show what a run did as a Python script or a notebook")
    code.add_argument("run", metavar="RUN", help="id of a run, part of it, or `last`")
    code.add_argument(
        "--step", metavar="STEP", help="only this step, with the names that it needs from those before"
    )
    code.add_argument(
        "--flavor", choices=("boto3", "sdk2", "sdk3"), default="boto3",
        help="written with boto3, or with version 2 or 3 of the SageMaker Python SDK (default: boto3)",
    )  # fmt: skip
    code.add_argument("--notebook", action="store_true", help="as a Jupyter notebook")
    code.add_argument(
        "-o", "--output", metavar="FILE", help="write to a file; one ending in .ipynb is a notebook"
    )


def _resources(commands: Any) -> None:
    resources = _add(commands, "resources", "resources:resources", "list what runs have made and not deleted")
    resources.add_argument("--data", action="store_true", help="also the data kept in the bucket")
    resources.add_argument(
        "--offline", action="store_true", help="from the ledger alone, without asking the target"
    )
    resources.add_argument("--json", action="store_true", help="as JSON")
    _regions(resources)
    teardown = _add(commands, "teardown", "teardown:teardown", "delete what runs have made")
    teardown.add_argument("run", metavar="RUN", nargs="?", help="id of a run, part of it, or `last`")
    teardown.add_argument("--all", action="store_true", help="of all runs on the target")
    teardown.add_argument("--data", action="store_true", help="also the data kept in the bucket")
    teardown.add_argument("--logs", action="store_true", help="also the logs of jobs and endpoints")
    teardown.add_argument(
        "--only", metavar="KIND", action="append", default=[],
        choices=("tuning-job", "training-job", "transform-job", "endpoint", "schedule", "endpoint-config",
                 "model", "s3-prefix"),
        help="nothing but this kind, such as endpoint; may be given several times",
    )  # fmt: skip
    teardown.add_argument("--yes", action="store_true", help="do not ask before deleting on AWS")
    teardown.add_argument("--json", action="store_true", help="one event a line on stdout")
    _regions(teardown)
    cost = _add(commands, "cost", "resources:cost", "show what runs have cost, and what costs now")
    cost.add_argument("run", metavar="RUN", nargs="?", help="one run, line by line")
    cost.add_argument(
        "--billed", action="store_true",
        help="also what AWS has billed, asked of Cost Explorer, which takes $0.01 for each request",
    )  # fmt: skip
    cost.add_argument("--profile", metavar="NAME", help="profile of your AWS configuration, with --billed")
    cost.add_argument("--json", action="store_true", help="as JSON")


def _doctor(commands: Any) -> None:
    doctor = _add(commands, "doctor", "doctor:doctor", "look at what this machine or account has and lacks")
    doctor.add_argument("recipe", metavar="RECIPE", nargs="?", help="also what this recipe needs of AWS")
    _target(doctor)
    doctor.add_argument(
        "--create-role", metavar="NAME", nargs="?", const="SageWizardExecutionRole",
        help="make the execution role on AWS, after showing what it may do",
    )  # fmt: skip
    doctor.add_argument(
        "--create-ttl-role", metavar="NAME", nargs="?", const="SageWizardSchedulerRole",
        help="make the role that --ttl needs on AWS, after showing what it may do",
    )  # fmt: skip
    doctor.add_argument("--yes", action="store_true", help="make the role without asking")
    doctor.add_argument("--json", action="store_true", help="as JSON")


def _explain(commands: Any) -> None:
    explain = _add(commands, "explain", "explain:explain", "explain a word of the field in one paragraph")
    explain.add_argument(
        "term", metavar="TERM", nargs="*", help="such as channel or objective metric; none: all"
    )
    explain.add_argument("--json", action="store_true", help="as JSON")


def _sandbox(commands: Any) -> None:
    sandbox = _group(commands, "sandbox", "start, stop and look at the embedded SageMaker")
    start = _add(sandbox, "start", "sandbox:start", "start the server if it is not running")
    start.add_argument(
        "--pace", choices=("instant", "real"), default="instant",
        help="real: jobs and endpoints take as long as on AWS, for a server that is started now",
    )  # fmt: skip
    start.add_argument(
        "--faults", metavar="PLAN", help="go wrong as a YAML file says, to practise; `off` ends it"
    )
    stop = _add(sandbox, "stop", "sandbox:stop", "stop the server; what it keeps stays")
    stop.add_argument("--force", action="store_true", help="even while a job is running; the job fails")
    status = _add(sandbox, "status", "sandbox:status", "show whether it runs, where, and what it is doing")
    reset = _add(sandbox, "reset", "sandbox:reset", "stop it and delete everything that it keeps")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    _add(sandbox, "env", "sandbox:env", "print the variables that point boto3 or the AWS CLI at it")
    execute = _add(sandbox, "exec", "sandbox:execute", "run a program that sees AWS as the sandbox")
    execute.add_argument("arguments", metavar="COMMAND", nargs="...", help="the program and its arguments")
    for parser in (start, status):
        parser.add_argument("--json", action="store_true", help="as JSON")
