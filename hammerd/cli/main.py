"""Entry point of `hammerd`: runs a command and turns its result into an exit status.

The statuses are those of core/exit_codes.py, for click's own usage errors too.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Sequence

from hammerd.core.exit_codes import Exit, PluginExit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that `arguments` name; the default is the arguments of the process."""
    # Imports leave no garbage, and collecting during them takes a sixth of the start.
    # cli/group.py enables the collector again once the command is imported.
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
    if "_HAMMERD_COMPLETE" in os.environ:
        # A shell completes a line: the shells of click, and tcsh.
        import hammerd.cli.options.completion  # noqa: F401
    # A monitor reads stdout, and accepts no status above 3.
    failed = PluginExit.UNKNOWN if "--nagios" in (arguments or sys.argv) else None
    try:
        result = group.main(arguments, prog_name="hammerd", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        print_usage_error(error)
        if failed is not None:
            message = " ".join(error.format_message().replace("|", "/").split())
            # If stdout cannot be written, the exit status must do.
            with contextlib.suppress(HammerdError):
                sys.stdout.write(f"HAMMERD UNKNOWN - {message}\n")
                sys.stdout.flush()
        return failed or Exit.USAGE
    except HammerdError as error:
        print_error(error)
        return failed or exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    # --help and --version return no status.
    return result if isinstance(result, int) else Exit.OK


if __name__ == "__main__":
    sys.exit(main())
