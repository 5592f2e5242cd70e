"""Where `hammerd` begins: runs a command and turns how it went into an exit status.

The statuses are those of core/exit_codes.py, for click's own usage errors too.
"""

import contextlib
import gc
import sys
from collections.abc import Sequence

from hammerd.core.exit_codes import Exit, PluginExit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, those of the process by default."""
    # What is imported is no garbage: to look for some meanwhile takes a sixth of the start.
    # cli/group.py lets it be looked for again once it has the command.
    gc.disable()
    try:
        import click
    except ModuleNotFoundError:
        sys.stderr.write("hammerd: click is not installed\n")
        sys.stderr.write("hint: pip install 'hammerd[cli]', or pkg install py311-click\n")
        return Exit.UNAVAILABLE
    from hammerd.cli.group import group
    from hammerd.cli.output.failures import exit_code
    from hammerd.cli.output.standard_streams import guard_standard_streams
    from hammerd.cli.output.text import print_error, print_usage_error
    from hammerd.core.errors import HammerdError

    guard_standard_streams()
    # Its monitor reads stdout, and knows no status past 3.
    failed = PluginExit.UNKNOWN if "--nagios" in (arguments or sys.argv) else None
    try:
        code = _code_of(group.main(arguments, prog_name="hammerd", standalone_mode=False))
        sys.stdout.flush()
    except click.ClickException as error:
        print_usage_error(error)
        if failed is not None:
            _tell_monitor(error.format_message())
        return failed or Exit.USAGE
    except HammerdError as error:
        print_error(error)
        return failed or exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    return code


def _tell_monitor(message: str) -> None:
    from hammerd.core.errors import HammerdError

    # Where stdout cannot be written, the status says enough.
    with contextlib.suppress(HammerdError):
        sys.stdout.write(f"HAMMERD UNKNOWN - {' '.join(message.replace('|', '/').split())}\n")
        sys.stdout.flush()


def _code_of(result: object) -> int:
    """Return a command's exit status; --help and --version give one too."""
    return result if isinstance(result, int) else 0


if __name__ == "__main__":
    sys.exit(main())
