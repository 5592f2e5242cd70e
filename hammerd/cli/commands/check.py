"""`hammerd check`: every fault of a config, without a daemon."""

from dataclasses import asdict

import click

from hammerd.cli.exits import Exit
from hammerd.cli.json_answers import say_json, tells_json
from hammerd.cli.looking import pfs_links
from hammerd.cli.quantities import count
from hammerd.cli.saying import say
from hammerd.cli.whereabouts import chosen_config, load_config, takes_config
from hammerd.core.config_ends import end_warnings
from hammerd.core.config_warnings import advice_on
from hammerd.core.daemon_config import Config
from hammerd.core.errors import ConfigError, Fault


@click.command(epilog="Example: hammerd check /usr/local/etc/hammerd.toml")
@click.option("--strict", is_flag=True, help="Take warnings for faults.")
@tells_json
@takes_config
def check(file: str | None, config: str | None, *, strict: bool, as_json: bool) -> int:
    """Check a config FILE and tell everything that is wrong with it.

    Exits with 78 when there are faults, with 66 when the file cannot be read. What is allowed
    and most likely not meant is a warning, and exits with 0, as advice does. Asked by root, a
    file that others than root can change is a fault: hammerd would not run by it.
    """
    path = chosen_config(file, config)
    if as_json:
        return _tell_json(path, strict=strict)
    read = load_config(path)
    warnings = _warnings_of(read)
    if strict and warnings:
        raise ConfigError(path, warnings)
    for warning in warnings:
        say(f"warning: {warning}")
    told = [count(len(read.pairs), "pair"), "no faults"]
    if warnings:
        told.append(count(len(warnings), "warning"))
    say(f"{path}: {', '.join(told)}")
    for advice in advice_on(read.pairs):
        say(f"advice: {advice}")
    return 0


def _warnings_of(config: Config) -> tuple[Fault, ...]:
    """Return what is hardly meant: of the words, and of the ends as they stand on the disk."""
    return (*config.warnings, *end_warnings(config.pairs, pfs_links(config.pairs)))


def _tell_json(path: str, *, strict: bool) -> int:
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    names = None
    advice: tuple[str, ...] = ()
    try:
        read = load_config(path)
        names, warnings = [pair.name for pair in read.pairs], _warnings_of(read)
        advice = advice_on(read.pairs)
    except ConfigError as error:
        faults = error.faults
    told = {"faults": faults, "warnings": warnings}
    listed = {key: [_fault_json(fault) for fault in found] for key, found in told.items()}
    say_json({"config": path, "pairs": names, **listed, "advice": advice})
    return Exit.CONFIG if faults or (strict and warnings) else Exit.OK


def _fault_json(fault: Fault) -> dict[str, str | None]:
    return {name: value or None for name, value in asdict(fault).items()}
