"""The command `hammerd verify`: compares master and slave as of the slave's TID."""

import os
import sys
from collections.abc import Iterator

import click

from hammerd.cli.options.completion import complete_pairs
from hammerd.cli.options.config_pairs import chosen_pairs
from hammerd.cli.options.location import current_location, load_config, takes_location
from hammerd.cli.output.failures import exit_code
from hammerd.cli.output.json_output import json_option, print_json
from hammerd.cli.output.numbers import show_bytes, show_count, show_entries, show_period
from hammerd.cli.output.text import print_error, print_text
from hammerd.cli.verify.end_program import run_end
from hammerd.core import paths
from hammerd.core.config.model import Config
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit
from hammerd.core.pairs import Pair, turns_of
from hammerd.core.tid import format_tid, parse_tid
from hammerd.core.verify.differences import MOST_SHOWN, counts_text
from hammerd.core.verify.request import MILLION, MOST_JOBS
from hammerd.core.verify.sample import WHOLE, Sample, parse_sample
from hammerd.core.verify.verified import Verified, verified_json

NICENESS = 10
JOBS = 2
"""Threads of each end that read contents; more help where a disk is far or striped."""


def _read_sample(context: click.Context, option: click.Parameter, value: str | None) -> Sample:
    if value is None:
        return WHOLE
    try:
        return parse_sample(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, option) from error


@click.command(epilog="Example: hammerd verify home --sample 10%")
@click.argument("words", nargs=-1, shell_complete=complete_pairs, metavar="[PAIR]...")
@click.option("--all", "every", is_flag=True, help="All pairs of the config that are enabled.")
@click.option(
    "--sample",
    callback=_read_sample,
    metavar="N%|N",
    help="Read the contents of so many files only; names and all else are always compared.",
)
@click.option("--restart", "is_restart", is_flag=True, help="Begin anew, not where it stopped.")
@click.option(
    "--jobs", type=click.IntRange(1, MOST_JOBS), default=JOBS, help="Files read at once, each end."
)
@click.option("--nice", "is_nice", is_flag=True, help="Leave the processor to others.")
@click.option("--end", "is_end", is_flag=True, help="Describe one end: its path and a TID.")
@json_option
@takes_location
def verify(  # noqa: PLR0913 - one parameter for each option
    words: tuple[str, ...],
    *,
    every: bool,
    sample: Sample,
    is_restart: bool,
    jobs: int,
    is_end: bool,
    is_nice: bool,
    as_json: bool,
) -> int:
    """Compare master and slave of a PAIR, exactly, while everything runs.

    Both are read as of the slave's TID: names, types, modes, owners, sizes, times, link targets,
    hard links and contents. Exits with 0 if they are equal, with 1 if they differ, with 69 if they
    cannot be compared. One that was interrupted goes on where it was.
    """
    if is_end:
        return _describe_end(words)
    # Imported only here: an end needs none of it.
    from hammerd.cli.verify.progress import make_display
    from hammerd.cli.verify.results import keep_result
    from hammerd.cli.verify.verification import Options, verify_pair
    from hammerd.cli.wait.held import refuse_held

    if is_nice:
        os.nice(NICENESS)
    config = load_config(current_location().config or paths.CONFIG)
    options = Options(sample, jobs, is_restart, sys.stderr.isatty())
    code = Exit.OK
    for pair in _chosen(words, config, every=every):
        display = make_display(pair.name)
        try:
            refuse_held(config.daemon.state_dir, (pair,))
            verified = verify_pair(pair, config, options, display)
        except HammerdError as error:
            display.close()
            print_error(error)
            code = code or Exit(exit_code(error))
            continue
        display.close()
        keep_result(verified, config.daemon)
        _print(verified, as_json=as_json)
        code = code if verified.is_equal else Exit.FAILURE
    return code


def _describe_end(words: tuple[str, ...]) -> int:
    """Print one end's tree, for the verification that started this process."""
    if len(words) != len(("path", "tid")):
        raise click.UsageError("--end takes a path and a TID")
    path, tid_text = words
    try:
        tid = parse_tid(tid_text)
    except ValueError as error:
        raise click.UsageError(f"{tid_text} is no TID, like 0x00000001005809d9") from error
    return run_end(path, tid)


def _chosen(names: tuple[str, ...], config: Config, *, every: bool) -> list[Pair]:
    if every == bool(names):
        raise click.UsageError("name a pair, or say --all")
    return [_with_present_slave(pair) for pair in chosen_pairs(names, config)]


def _with_present_slave(pair: Pair) -> Pair:
    """Return a pair with the first of its slaves that is there, if they take turns."""
    return next((turn for turn in turns_of(pair) if os.path.lexists(turn.slave.path)), pair)


def _print(verified: Verified, *, as_json: bool) -> None:
    if as_json:
        print_json(verified_json(verified))
        return
    for line in _lines(verified):
        print_text(line)


def _lines(verified: Verified) -> Iterator[str]:
    yield from _result_lines(verified)
    if verified.uncompared:
        yield (
            f"not compared: {show_entries(verified.uncompared)}, of which no history is kept"
            " (chflags nohistory)"
        )


def _result_lines(verified: Verified) -> Iterator[str]:
    compared = (
        f"as of {format_tid(verified.tid)}: {show_entries(verified.entries)},"
        f" {show_bytes(verified.size)}, in {show_period(verified.took_s)}"
    )
    if verified.is_sample:
        compared += f"; the contents of {verified.sample_of_million / MILLION:.3%} of the files"
    if verified.is_equal:
        yield f"{verified.pair}: equal {compared}"
        return
    differences = show_count(verified.differences, "difference")
    yield f"{verified.pair}: {differences} {compared}"
    for each in verified.first[:MOST_SHOWN]:
        yield f"    {each}"
    if (more := verified.differences - MOST_SHOWN) > 0:
        yield f"    and {more:,} more"
    yield f"in all: {counts_text(verified.counts)}"
