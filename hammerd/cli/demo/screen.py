"""Prints the demo's lines, in colour on a terminal only; each is flushed at once.

No line is overwritten, so that a log of the demo has the same content as the terminal.
"""

import click

INDENT = "    "


def show_heading(text: str) -> None:
    """Print the heading of a step."""
    click.echo()
    click.secho(f"== {text}", bold=True)


def show_text(text: str) -> None:
    """Print an explanation of the next step."""
    click.echo(text)


def show_command(line: str) -> None:
    """Print a shell line as it is typed."""
    click.secho(f"# {line}", fg="cyan")


def show_output(text: str) -> None:
    """Print a command's output unchanged."""
    if text:
        click.echo(text.removesuffix("\n"))


def show_log_line(line: str) -> None:
    """Print a line of hammerd's log."""
    click.secho(f"{INDENT}{line}", dim=True)


def show_success(text: str) -> None:
    """Print the result of a measurement or a passed check."""
    click.secho(f"-> {text}", fg="green")
