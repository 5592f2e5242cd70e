"""How the demo speaks: plain lines, in colour on a terminal only, each flushed at once.

No line is ever drawn over, so that a log of the demo reads as the terminal did.
"""

import click

INDENT = "    "


def heading(text: str) -> None:
    """Begin a step."""
    click.echo()
    click.secho(f"== {text}", bold=True)


def explain(text: str) -> None:
    """Say what is about to happen, or why."""
    click.echo(text)


def command(line: str) -> None:
    """Show a shell line as it is typed."""
    click.secho(f"# {line}", fg="cyan")


def output(text: str) -> None:
    """Show what a command printed, as it is."""
    if text:
        click.echo(text.removesuffix("\n"))


def logged(line: str) -> None:
    """Show a line of hammerd's log."""
    click.secho(f"{INDENT}{line}", dim=True)


def proved(text: str) -> None:
    """Show what was measured or checked and is as it should be."""
    click.secho(f"-> {text}", fg="green")
