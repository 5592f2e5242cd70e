"""The commands, put together; what stands before a command's name is read here."""

from pathlib import Path

import click

from hammerd import __version__
from hammerd.cli.commands.check import check
from hammerd.cli.commands.demo import demo
from hammerd.cli.commands.pause import pause
from hammerd.cli.commands.restart import restart
from hammerd.cli.commands.resume import resume
from hammerd.cli.commands.run import run
from hammerd.cli.commands.status import status
from hammerd.cli.commands.version import version
from hammerd.cli.whereabouts import Whereabouts, config_option, run_dir_option


@click.group(
    epilog="Example: hammerd status", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, message="hammerd %(version)s")
@config_option
@run_dir_option
@click.pass_context
def group(context: click.Context, config: Path | None, run_dir: Path | None) -> None:
    """Supervise HAMMER mirror-streams, and tell how far each slave is behind."""
    context.obj = Whereabouts(config, run_dir)


for command in (run, check, status, pause, resume, restart, demo, version):
    group.add_command(command)
