"""The command `hammerd web`: serves the page, the API and the metrics."""

import os
from collections.abc import Sequence
from functools import partial

import click

from hammerd.cli.commands.monitoring.libraries import naming_missing_libraries
from hammerd.cli.options.location import current_location, takes_location


@click.command(epilog="Example: hammerd web --user hammerd")
@click.option(
    "--listen",
    default="127.0.0.1:9427",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where to listen. There is no login and no TLS: elsewhere than on the loopback put a "
    "reverse proxy before it.",
)
@click.option("--user", metavar="USER", help="Run as this user; root must say which.")
@click.option("--group", metavar="GROUP", help="Run with this group, not with that of the user.")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="A name by which browsers may ask, beside the address and those of loopback.",
)
@takes_location
def web(listen: str, user: str | None, group: str | None, names: Sequence[str]) -> int:
    """Serve a page, an API and metrics of all pairs over HTTP, in the foreground.

    It is a process of its own that only reads: the daemon opens no port.
    """
    with naming_missing_libraries("web"):
        from hammerd.web.listen import bind, read_address
        from hammerd.web.privileges import become, find_account
        from hammerd.web.server import serve
    location = current_location()
    try:
        address = read_address(listen)
    except ValueError as error:
        raise click.UsageError(f"--listen={listen}: {error}") from error
    if user is None and os.geteuid() == 0:
        raise click.UsageError("say --user USER: it does not serve as root unless told to")
    account = None if user is None else find_account(user, group)
    listener = bind(address)
    if account is not None and os.geteuid() == 0:
        become(account)
    host, port = listener.getsockname()[:2]
    click.echo(f"serving at http://{host}:{port}/")
    return partial(serve, listener, location)([address.host, *names])
