"""The bell: one table of commands. Each is one file in `commands/`, loaded only when it is asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys

#: command, its file in commands/, what it does. In the order in which a newcomer meets them.
COMMANDS = (
    ("run", "run", "start this node in the foreground: database, web, jobs; Ctrl-C stops all of it"),
    ("serve", "serve", "answer HTTP only, beside a running database"),
    ("work", "work", "work the job queue only, beside a running database"),
    ("import", "import_", "take in FHIR JSON, NDJSON, bundles, .gz and folders"),
    ("export", "export", "write a tenant's resources as NDJSON"),
    ("claims", "claims", "write insurance claims as files, or check such files"),
    ("verify", "verify", "check the record against its chain and name the first fault"),
    ("token", "token", "print a bearer token for programs on this machine"),
    ("tenant", "tenant", "add a further tenant to this node"),
    ("user", "user", "add a person with roles"),
    ("demo", "demo", "fill a tenant with invented people, marked as test data"),
    ("mllp", "mllp", "listen to analysers only (HL7 v2 and ASTM), beside a running database"),
    ("simulate", "simulate", "stand in for systems outside: insurance, prescription, sms, analyser"),
    ("migrate", "migrate", "bring the database to this version's schema"),
    ("check", "check", "look at settings, disk, database and role, and say what is wrong"),
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 not done, 2 not understood."""
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader of our output, such as `head`, went away
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _run(given: list[str]) -> int:
    files = {name: file for name, file, _ in COMMANDS}
    if not given or given[0] not in files:
        return _explain(given)
    command = importlib.import_module(f"lienmach.commands.{files[given[0]]}")
    parser = argparse.ArgumentParser(prog=f"lienmach {given[0]}", description=command.__doc__)
    command.add_arguments(parser)
    args = parser.parse_args(given[1:])

    from lienmach.base import log
    from lienmach.base.errors import Failure
    from lienmach.base.settings import SettingError, Settings

    try:
        settings = Settings.load(os.environ)
        log.configure(settings)
        return command.run(settings, args) or 0
    except (SettingError, Failure) as error:
        print(f"lienmach {given[0]}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _explain(given: list[str]) -> int:
    width = max(len(name) for name, _, _ in COMMANDS)
    lines = "\n".join(f"  {name:{width}}  {words}" for name, _, words in COMMANDS)
    asked = not given or given[0] in ("-h", "--help", "help")
    if not asked:
        print(f"lienmach: there is no command {given[0]!r}.\n", file=sys.stderr)
    print(
        f"usage: lienmach COMMAND …\n\n{lines}\n\nlienmach COMMAND --help says more. Settings are read from the "
        "environment: docs/reference/settings.md.",
        file=sys.stdout if asked else sys.stderr,
    )
    return 0 if asked else 2


if __name__ == "__main__":
    sys.exit(main())
