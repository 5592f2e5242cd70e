"""hammerd-rsh: the program that hammer runs in place of ssh, for a half on another host.

hammer gives it `[-C] (-l USER HOST | HOST) [-p PORT] hammer OPTIONS VERB PATH`
(docs/hammer.md 7.1). The way to the host is not read from these words: hammerd puts it into the
environment variable HAMMERD_RSH, and the verb tells which end of the pair it is. The remote
hammer gets the options that hammer itself does not pass on, and a mirror-write the guard that
keeps a second writer from its slave (core/hosts/far_guard.py).

It starts at each launch of a stream, so it imports as little as possible. Each line that it
prints begins with its name, and so cannot be mistaken for a line of ssh or of a login.
"""

import json
import os
import sys

NAME = "hammerd-rsh"
VALUE = "HAMMERD_RSH"
EX_USAGE, EX_UNAVAILABLE = 64, 69

_ENDS = {"mirror-read": "master", "mirror-read-stream": "master", "mirror-write": "slave"}
_TAKES_A_VALUE = ("-l", "-p")


class _Refused(Exception):  # noqa: N818 - it says what happens, not that it is an error
    """The words or the environment are not those of a half that hammerd has launched."""


def main() -> int:
    """Replace this process by the ssh of a half; return only if that fails."""
    try:
        mark, argv = _plan(sys.argv[1:])
    except _Refused as refused:
        _say(str(refused))
        return EX_USAGE
    _say(mark)
    env = {name: value for name, value in os.environ.items() if name not in (VALUE, "HAMMER_RSH")}
    try:
        os.execve(argv[0], argv, env)
    except OSError as error:
        _say(f"cannot run {argv[0]}: {error.strerror}")
    except (ValueError, TypeError) as error:
        _say(f"cannot run these words: {error}")
    return EX_UNAVAILABLE


def _plan(words: list[str]) -> tuple[str, list[str]]:
    """Return the line that marks the start, and the argv of ssh with its remote command.

    hammer's options precede its verb (docs/hammer.md 3.1), and the words of the command have
    single blanks between them, as `hammer ssh-remote` wants them (docs/hammer.md 7.4).
    """
    value = os.environ.get(VALUE)
    if value is None:
        raise _Refused(f"{VALUE} is not set: hammerd runs this program, people do not")
    _, *arguments = _hammer_words(words) or [""]
    end = _ENDS.get(arguments[-2]) if len(arguments) > 1 else None
    if end is None:
        raise _Refused(f"these are no words of a mirror's half: {' '.join(words)}")
    try:
        pair = json.loads(value)
        half = pair[end]
        guard = [half["guard"]] if half["guard"] else []
        command = " ".join([*guard, half["hammer"], *half["words"], *arguments])
        return f"connecting to {half['to']} ({end} of {pair['pair']})", [*half["ssh"], command]
    except (ValueError, TypeError, KeyError):
        raise _Refused(f"{VALUE} holds nothing for the {end} of a pair") from None


def _hammer_words(words: list[str]) -> list[str]:
    """Return the words after the host: hammer and its arguments."""
    index, is_host_passed = 0, False
    while index < len(words):
        word = words[index]
        if word.startswith("-"):
            index += 2 if word in _TAKES_A_VALUE else 1
        elif not is_host_passed:
            index, is_host_passed = index + 1, True
        else:
            return words[index:]
    return []


def _say(text: str) -> None:
    sys.stderr.write(f"{NAME}: {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
