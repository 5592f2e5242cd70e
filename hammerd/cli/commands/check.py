"""The command `hammerd check`: reports all faults of a config, without a daemon."""

from dataclasses import asdict

import click

from hammerd.cli.check.machine_check import MachineCheck, check_machine
from hammerd.cli.options.location import chosen_config, load_config, takes_config
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.numbers import show_count
from hammerd.cli.output.text import print_text
from hammerd.core.config.model import Config
from hammerd.core.config.warnings import advice_on
from hammerd.core.errors import ConfigError, Fault
from hammerd.core.exit_codes import Exit


@click.command(epilog="Example: hammerd check /usr/local/etc/hammerd.toml")
@click.option("--strict", is_flag=True, help="Take warnings for faults.")
@click.option("--no-ends", is_flag=True, help="Look at no disk, and ask hammer nothing.")
@json_option
@takes_config
def check(file: str | None, *, strict: bool, as_json: bool, no_ends: bool) -> int:
    """Check a config FILE and tell everything that is wrong with it.

    Exits with 78 when there are faults, with 66 when the file cannot be read. What is allowed
    and most likely not meant is a warning, and exits with 0, as advice does. Where there is a
    hammer it is asked what the local ends are, for ten seconds at most. Asked by root, a file that
    others than root can change is a fault: hammerd would not run by it.
    """
    path = chosen_config(file)
    config, machine = Config(), MachineCheck(())
    faults: tuple[Fault, ...] = ()
    try:
        config = load_config(path)
        machine = machine if no_ends else check_machine(config)
    except ConfigError as error:
        if not as_json:
            raise
        faults = error.faults
    warnings = (*config.warnings, *machine.warnings)
    refused = faults or (warnings if strict else ())
    if as_json:
        print_json(
            {
                "config": path,
                "pairs": None if faults else [pair.name for pair in config.pairs],
                "faults": list(map(_fault_json, faults)),
                "warnings": list(map(_fault_json, warnings)),
                "advice": advice_on(config.pairs),
                "ends_not_asked_because": machine.not_probed_because or None,
            }
        )
        return Exit.CONFIG if refused else Exit.OK
    if refused:
        raise ConfigError(path, refused)
    _print(path, config, warnings, machine.not_probed_because)
    return Exit.OK


def _print(
    path: str, config: Config, warnings: tuple[Fault, ...], not_probed_because: str
) -> None:
    for warning in warnings:
        print_text(f"warning: {warning}")
    counts = [show_count(len(config.pairs), "pair"), "no faults"]
    if warnings:
        counts.append(show_count(len(warnings), "warning"))
    print_text(f"{path}: {', '.join(counts)}")
    if not_probed_because:
        print_text(f"note: hammer was not asked of the ends: {not_probed_because}")
    for advice in advice_on(config.pairs):
        print_text(f"advice: {advice}")


def _fault_json(fault: Fault) -> dict[str, str | None]:
    return {name: value or None for name, value in asdict(fault).items()}
