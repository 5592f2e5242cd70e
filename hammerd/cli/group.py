"""The command group `hammerd`, and the options that stand before a command's name."""

import gc
from importlib import import_module
from typing import cast

import click

from hammerd import __version__
from hammerd.cli.options.location import config_option, run_dir_option

COMMANDS = (
    "run",
    "check",
    "doctor",
    "provision",
    "status",
    "lag",
    "events",
    "report",
    "notify",
    "pause",
    "resume",
    "restart",
    "reload",
    "ack",
    "verify",
    "promote",
    "switchover",
    "reseed",
    "wait",
    "web",
    "metrics",
    "authorized-keys",
    "demo",
    "version",
)
"""In the order of --help; each names a function, in a module of hammerd.cli.commands."""

_MODULES = {
    **dict.fromkeys(("pause", "resume", "restart", "ack"), "pair_requests"),
    **dict.fromkeys(("promote", "switchover", "reseed"), "plans.role_changes"),
    "provision": "plans.provision",
    "report": "monitoring.report",
    "metrics": "monitoring.metrics",
    "notify": "monitoring.notify",
    "web": "monitoring.web",
}
"""The modules of commands that have none of their own name."""


class LazyGroup(click.Group):
    """A group that imports a command only when it is used, so that hammerd starts fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; return None if no command has that name."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = import_module(f"hammerd.cli.commands.{_MODULES.get(name, name)}")
        # Imported objects stay until the end: the collector need never scan them.
        gc.freeze()
        gc.enable()
        return cast("click.Command", getattr(module, name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List each command with its whole sentence; click's own list would cut it short."""
        rows = [
            (name, command.get_short_help_str(limit=1_000))
            for name in COMMANDS
            if (command := self.get_command(ctx, name))
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group(
    cls=LazyGroup,
    epilog="Example: hammerd status",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, message="hammerd %(version)s")
@config_option
@run_dir_option
def group() -> None:
    """Supervise HAMMER mirror-streams, and tell how far each slave is behind."""
