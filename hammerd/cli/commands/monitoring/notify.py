"""The command `hammerd notify --test`: tries the commands that tell of alarms."""

from collections.abc import Mapping

import click

from hammerd.cli.options.location import (
    Location,
    current_location,
    load_config,
    takes_location,
)
from hammerd.cli.output.failures import CommandFailed, NoDaemon
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.text import print_text, print_to_stderr
from hammerd.core import paths
from hammerd.core.alarms.ledger import Kind
from hammerd.core.alarms.message import without_command
from hammerd.core.api.pair_patterns import choose
from hammerd.core.api.protocol import Request, Verb, refuse_unchosen
from hammerd.core.exit_codes import Exit

TIMEOUT_S = 120.0
"""A command may take its whole timeout."""


@click.command(epilog="Example: hammerd notify --test --kind critical home")
@click.option("--test", "is_test", is_flag=True, help="Run each command of [notify] once.")
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in Kind]),
    help="What the test pretends to be.  [default: test]",
)
@click.argument("pairs", nargs=-1, metavar="[PAIR]...")
@json_option
@takes_location
def notify(pairs: tuple[str, ...], *, is_test: bool, kind: str | None, as_json: bool) -> int:
    """Try the commands that tell of alarms.

    The running hammerd runs them, as it does for an alarm; without one they are run from here.
    The exit status is 1 if one of them failed.
    """
    if not is_test:
        raise click.UsageError("say --test: hammerd itself tells of alarms")
    location = current_location()
    try:
        data = location.send(Request(Verb.NOTIFY, pairs, kind=kind), TIMEOUT_S)
    except NoDaemon:
        data = {"ran": _run_here(location, pairs, Kind(kind) if kind else Kind.TEST)}
        if not as_json:
            print_to_stderr("hammerd: no hammerd answers, so this command runs them itself")
    if as_json:
        print_json(data)
    ran = data["ran"]
    assert isinstance(ran, list)
    if not as_json:
        for one in ran:
            _print(one)
    return Exit.FAILURE if any(one["failed_because"] for one in ran) else Exit.OK


def _run_here(location: Location, pairs: tuple[str, ...], kind: Kind) -> list[dict[str, object]]:
    from hammerd.cli.notify.trial import run_all

    config = load_config(location.config or paths.CONFIG)
    names = [pair.name for pair in config.pairs]
    choice = choose(pairs, names)
    if refusal := refuse_unchosen(choice.unknown, names):
        raise CommandFailed(refusal.error, refusal.hint, code=refusal.code)
    if not (ran := run_all(config.notify, kind, choice.pairs if pairs else ())):
        raise CommandFailed(*without_command(kind), code=Exit.CONFIG)
    return ran


def _print(one: Mapping[str, object]) -> None:
    command = one["command"]
    words = " ".join(map(str, command)) if isinstance(command, list) else ""
    print_text(f"{one['receiver']}: {words}")
    because, said = one["failed_because"], one["said"]
    print_text(f"  failed: {because}" if because else f"  {one['status']}")
    if said and str(said) not in str(because or ""):
        print_text(f"  said: {said}")
