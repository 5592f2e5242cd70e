"""The command `hammerd metrics`: prints the metrics once, or writes them for a collector."""

import click

from hammerd.cli.commands.monitoring.libraries import naming_missing_libraries
from hammerd.cli.options.location import current_location, takes_location
from hammerd.core.exit_codes import Exit


@click.command(epilog="Example: hammerd metrics --textfile /var/tmp/node_exporter/hammerd.prom")
@click.option(
    "--textfile",
    type=click.Path(),
    metavar="FILE",
    help="Write them to a file that the textfile collector of node_exporter reads.",
)
@takes_location
def metrics(textfile: str | None) -> int:
    """Print the metrics of all pairs in the format of Prometheus.

    Exits with 69 when no hammerd answers; then hammerd_up is 0, and there is only what stays true
    without it.
    """
    with naming_missing_libraries("metrics"):
        from hammerd.web.metrics.exposition import exposition_of
        from hammerd.web.metrics.textfile import write_textfile
    # Imported only here: --help needs none of it.
    from hammerd.web.views import read_view

    view = read_view(current_location(), is_denial_told=False)
    content, _ = exposition_of(view.status, is_up=view.is_running)
    if textfile is None:
        click.echo(content, nl=False)
    else:
        write_textfile(textfile, content)
    return Exit.OK if view.is_running else Exit.UNAVAILABLE
