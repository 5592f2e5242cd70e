"""Where `hammerd` begins: runs a command and turns how it went into an exit status.

Statuses are those of sysexits(3), click's own usage errors included: 0 well, 64 usage, 66 no
such file, 69 no daemon answers, 77 no permission, 78 config.
"""

import sys
from collections.abc import Sequence

from hammerd.cli.exits import Exit, exit_code
from hammerd.core.errors import HammerdError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, those of the process by default."""
    try:
        import click
    except ModuleNotFoundError:
        sys.stderr.write("hammerd: click is not installed\n")
        sys.stderr.write("hint: pip install 'hammerd[cli]', or pkg install py311-click\n")
        return Exit.UNAVAILABLE
    from hammerd.cli.group import group
    from hammerd.cli.saying import give_up_stdout, say_error, say_wrong_usage

    try:
        return _code_of(group.main(arguments, prog_name="hammerd", standalone_mode=False))
    except click.ClickException as error:
        say_wrong_usage(error)
        return Exit.USAGE
    except HammerdError as error:
        say_error(error)
        return exit_code(error)
    except (KeyboardInterrupt, click.Abort):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        give_up_stdout()
        return Exit.FAILURE


def _code_of(result: object) -> int:
    """Return a command's exit status; --help and --version give one too."""
    return result if isinstance(result, int) else Exit.OK


if __name__ == "__main__":
    sys.exit(main())
