"""The command `hammerd web`: serves the page, the API and the metrics."""

import os
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from hammerd.cli.commands.monitoring.libraries import naming_missing_libraries
from hammerd.cli.options.location import Location, current_location, takes_location

if TYPE_CHECKING:
    from hammerd.web.process.listen import Address


class WebOptions(TypedDict):
    """Options of the command."""

    listen: str
    user: str | None
    group: str | None
    names: tuple[str, ...]
    detach: bool
    is_check: bool
    pid_file: str | None


@click.command(epilog="Example: hammerd web --user hammerd")
@click.option(
    "--listen",
    default="127.0.0.1:9427",
    show_default=True,
    metavar="ADDRESS:PORT|PATH",
    help="Where to listen: a port, or a Unix socket for the group. There is no login and no TLS: "
    "for other machines put a reverse proxy before it.",
)
@click.option("--user", metavar="USER", help="Run as this user; root must say one.")
@click.option("--group", metavar="GROUP", help="Run with this group instead of the user's.")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name by which browsers may ask, beside the address and those of the loopback.",
)
@click.option(
    "--detach",
    is_flag=True,
    help="Go to the background, and return when it answers or cannot start.",
)
@click.option(
    "--check",
    "is_check",
    is_flag=True,
    help="Start nothing: only tell whether these words are good.",
)
@click.option("--pid-file", type=click.Path(), metavar="FILE", help="Write the pid to this file.")
@takes_location
def web(**options: Unpack[WebOptions]) -> int:
    """Serve a page, an API and metrics of all pairs over HTTP, until told to stop.

    It is a process of its own, that only reads; the daemon opens no port.
    """
    with naming_missing_libraries("web"):
        from hammerd.web.guard import host_of
        from hammerd.web.process.listen import read_address
        from hammerd.web.process.privileges import account_for
        from hammerd.web.process.start import Plan
    try:
        address = read_address(options["listen"])
    except ValueError as error:
        raise click.UsageError(f"--listen={options['listen']}: {error}") from error
    for name in options["names"]:
        if not name or host_of(name) != name.lower():
            raise click.UsageError(f"--allow-host={name}: it takes a name, without a port")
    account = account_for(options["user"], options["group"])
    plan = Plan(
        address,
        account,
        options["names"],
        _location(),
        _absolute(options["pid_file"]),
        options["detach"],
    )
    if options["is_check"]:
        return 0
    if not options["detach"]:
        return plan.run(_say_where)
    # Imported only here: else nothing of the daemon is needed.
    from hammerd.daemon.service.daemonize import detach

    return detach(lambda ready: plan.run(lambda _: ready()))


def _say_where(address: "Address") -> None:
    where = f"unix:{address}" if address.is_path else f"http://{address}/"
    click.echo(f"serving at {where}")


def _location() -> Location:
    """Return where the daemon is; the server may run in another directory."""
    given = current_location()
    return Location(_absolute(given.config), _absolute(given.run_dir))


def _absolute(path: str | None) -> str | None:
    return None if path is None else os.path.abspath(path)
