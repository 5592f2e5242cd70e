"""The command `hammerd demo`: runs hammerd on two simulated file systems, without DragonFly."""

import contextlib
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click


@click.command(epilog="Example: hammerd demo")
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Run below DIR, an empty or new directory, and leave everything there.",
)
def demo(keep: Path | None) -> int:
    """Mirror in a simulator, kill all that can be killed, and prove that nothing is lost.

    Takes less than a minute, needs no root, and leaves nothing behind. Exits with 0 only when
    every recovery came and master and slave hold the same files at the end.
    """
    # Imported only here: the other commands need no simulator, and psutil would slow them down.
    from hammerd.cli.demo.sequence import DemoSequence

    with _root(keep) as root, _ended_like_ctrl_c():
        sequence = DemoSequence(root)
        try:
            sequence.run()
        finally:
            sequence.clean_up()
    return 0


@contextlib.contextmanager
def _root(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="hammerd-demo-") as root:
            yield Path(root)
        return
    keep.mkdir(parents=True, exist_ok=True)
    if any(keep.iterdir()):
        raise click.UsageError(f"--keep {keep}: the directory is not empty")
    yield keep


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM and SIGHUP clean up as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
