"""`hammerd check`: every fault of a config, without a daemon."""

from dataclasses import asdict

import click

from hammerd.cli.exits import Exit
from hammerd.cli.json_answers import say_json, tells_json
from hammerd.cli.machine_check import check_machine
from hammerd.cli.quantities import count
from hammerd.cli.saying import say
from hammerd.cli.whereabouts import chosen_config, load_config, takes_config
from hammerd.core.config_warnings import advice_on
from hammerd.core.errors import ConfigError, Fault


@click.command(epilog="Example: hammerd check /usr/local/etc/hammerd.toml")
@click.option("--strict", is_flag=True, help="Take warnings for faults.")
@tells_json
@takes_config
def check(file: str | None, config: str | None, *, strict: bool, as_json: bool) -> int:
    """Check a config FILE and tell everything that is wrong with it.

    Exits with 78 when there are faults, with 66 when the file cannot be read. What is allowed
    and most likely not meant is a warning, and exits with 0, as advice does. Where there is a
    hammer it is asked what the local ends are, for ten seconds at most. Asked by root, a file that
    others than root can change is a fault: hammerd would not run by it.
    """
    path = chosen_config(file, config)
    if as_json:
        return _tell_json(path, strict=strict)
    read = load_config(path)
    machine = check_machine(read)
    warnings = (*read.warnings, *machine.warnings)
    if strict and warnings:
        raise ConfigError(path, warnings)
    for warning in warnings:
        say(f"warning: {warning}")
    told = [count(len(read.pairs), "pair"), "no faults"]
    if warnings:
        told.append(count(len(warnings), "warning"))
    say(f"{path}: {', '.join(told)}")
    if machine.not_asked_because:
        say(f"note: hammer was not asked of the ends: {machine.not_asked_because}")
    for advice in advice_on(read.pairs):
        say(f"advice: {advice}")
    return 0


def _tell_json(path: str, *, strict: bool) -> int:
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    names = because = None
    advice: tuple[str, ...] = ()
    try:
        read = load_config(path)
        machine = check_machine(read)
        names, warnings = [pair.name for pair in read.pairs], (*read.warnings, *machine.warnings)
        advice, because = advice_on(read.pairs), machine.not_asked_because or None
    except ConfigError as error:
        faults = error.faults
    told = {"faults": faults, "warnings": warnings}
    listed = {key: [_fault_json(fault) for fault in found] for key, found in told.items()}
    say_json(
        {
            "config": path,
            "pairs": names,
            **listed,
            "advice": advice,
            "ends_not_asked_because": because,
        }
    )
    return Exit.CONFIG if faults or (strict and warnings) else Exit.OK


def _fault_json(fault: Fault) -> dict[str, str | None]:
    return {name: value or None for name, value in asdict(fault).items()}
