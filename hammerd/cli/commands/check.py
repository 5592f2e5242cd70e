"""The command `hammerd check`: reports all faults of a config, without a daemon."""

from dataclasses import asdict, dataclass

import click

from hammerd.cli.check.machine_check import MachineCheck, check_machine
from hammerd.cli.options.location import chosen_config, load_config, takes_config
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.numbers import show_count
from hammerd.cli.output.text import print_text
from hammerd.core.config.warnings import advice_on
from hammerd.core.errors import ConfigError, Fault
from hammerd.core.exit_codes import Exit


@dataclass(frozen=True, slots=True)
class _Report:
    """Pairs of a config without faults, and its warnings and advice."""

    pairs: tuple[str, ...]
    warnings: tuple[Fault, ...]
    not_probed_because: str
    advice: tuple[str, ...]


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
    if as_json:
        return _print_json(path, strict=strict, no_ends=no_ends)
    report = _check(path, no_ends=no_ends)
    if strict and report.warnings:
        raise ConfigError(path, report.warnings)
    for warning in report.warnings:
        print_text(f"warning: {warning}")
    counts = [show_count(len(report.pairs), "pair"), "no faults"]
    if report.warnings:
        counts.append(show_count(len(report.warnings), "warning"))
    print_text(f"{path}: {', '.join(counts)}")
    if report.not_probed_because:
        print_text(f"note: hammer was not asked of the ends: {report.not_probed_because}")
    for advice in report.advice:
        print_text(f"advice: {advice}")
    return 0


def _check(path: str, *, no_ends: bool) -> _Report:
    config = load_config(path)
    machine = MachineCheck(()) if no_ends else check_machine(config)
    return _Report(
        tuple(pair.name for pair in config.pairs),
        (*config.warnings, *machine.warnings),
        machine.not_probed_because,
        advice_on(config.pairs),
    )


def _print_json(path: str, *, strict: bool, no_ends: bool) -> int:
    faults: tuple[Fault, ...] = ()
    report = _Report((), (), "", ())
    try:
        report = _check(path, no_ends=no_ends)
    except ConfigError as error:
        faults = error.faults
    print_json(
        {
            "config": path,
            "pairs": None if faults else report.pairs,
            "faults": list(map(_fault_json, faults)),
            "warnings": list(map(_fault_json, report.warnings)),
            "advice": report.advice,
            "ends_not_asked_because": report.not_probed_because or None,
        }
    )
    return Exit.CONFIG if faults or (strict and report.warnings) else Exit.OK


def _fault_json(fault: Fault) -> dict[str, str | None]:
    return {name: value or None for name, value in asdict(fault).items()}
