"""Parses hammer's options as BSD getopt does: they end at the first other word."""

import os

from hammerd.simulator.runtime.console import CommandExit, write_stderr

WITH_ARGUMENT = "bcefitmpCRST"
FLAGS = "dhqrvyABF2X"
DEFAULT_SPLIT_BYTES = 4 << 30


class Options:
    """The values of hammer's options (docs/hammer.md 3.1)."""

    def __init__(self) -> None:
        self.verbose = 0
        self.quiet = 0
        self.delay_s = 5
        self.bandwidth = 0
        self.split_bytes = DEFAULT_SPLIT_BYTES
        self.split_text = ""
        self.timeout_s = 0
        self.scoreboard = ""
        self.cycle_file = ""
        self.port = ""
        self.restrict_commands: str | None = None
        self.restrict_path: str | None = None
        self.assume_yes = self.bulk = self.compress = False
        self.debug = self.two_way = False


class UsageError(Exception):
    """Reports a command line that cannot be parsed; hammer prints its usage then."""


def parse(words: list[str]) -> tuple[Options, list[str]]:
    """Return the options and the words from the command on."""
    options = Options()
    words = list(words)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        _parse_cluster(options, word[1:], words)
    return options, words


def _parse_cluster(options: Options, letters: str, words: list[str]) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in WITH_ARGUMENT:
            if not letters and not words:
                write_stderr(f"hammer: option requires an argument -- {letter}\n")
                raise UsageError
            _set_argument(options, letter, letters or words.pop(0))
            return
        _set_flag(options, letter)


def _set_flag(options: Options, letter: str) -> None:
    if letter not in FLAGS:
        write_stderr(f"hammer: illegal option -- {letter}\n")
        raise UsageError
    if letter == "h":
        exit_with_usage("usage.txt", 0)  # at once: the words after it are not parsed
    elif letter == "v":
        _raise_or_lower(options, "verbose", "quiet")
    elif letter == "q":
        _raise_or_lower(options, "quiet", "verbose")
    elif letter in _FLAG_NAMES:
        setattr(options, _FLAG_NAMES[letter], True)


_FLAG_NAMES = {"y": "assume_yes", "B": "bulk", "X": "compress", "d": "debug", "2": "two_way"}


def _raise_or_lower(options: Options, up: str, down: str) -> None:
    if getattr(options, down):
        setattr(options, down, getattr(options, down) - 1)
    else:
        setattr(options, up, getattr(options, up) + 1)


def _set_argument(options: Options, letter: str, text: str) -> None:
    if letter == "S":
        options.split_bytes, options.split_text = _size(text), text
    elif letter == "b":
        options.bandwidth = _size(text)
    elif letter in "it":
        setattr(options, {"i": "delay_s", "t": "timeout_s"}[letter], number_and_suffix(text)[0])
    elif letter in "RT":
        name = {"R": "restrict_commands", "T": "restrict_path"}[letter]
        if getattr(options, name) is None:  # the first one wins
            setattr(options, name, text)
    elif letter in "cep":
        setattr(options, {"c": "cycle_file", "e": "scoreboard", "p": "port"}[letter], text)


def number_and_suffix(text: str, base: int = 0) -> tuple[int, str]:
    """Return the number that a text starts with (0 for none), as strtol(3), and the rest."""
    stripped = text.lstrip()
    digits = stripped[1:] if stripped[:1] in ("-", "+") else stripped
    lowered = digits.lower()
    if base in (0, 16) and lowered[:2] == "0x" and lowered[2:3] in _DIGITS[:16]:
        digits, base = digits[2:], 16
    elif base == 0:
        base = 8 if digits.startswith("0") else 10
    allowed = _DIGITS[:base]
    end = next((i for i, char in enumerate(digits) if char.lower() not in allowed), len(digits))
    if not end:
        return 0, text
    number = int(digits[:end], base)
    return -number if stripped.startswith("-") else number, digits[end:]


_DIGITS = "0123456789abcdef"


def _size(text: str) -> int:
    number, rest = number_and_suffix(text)
    if rest[:1] not in _SHIFTS:
        raise UsageError
    # strtoull(3) accepts a minus, and hammer ignores what follows the suffix.
    return number % (1 << 64) << _SHIFTS[rest[:1]] & _LARGEST


_SHIFTS = {"": 0, "k": 10, "K": 10, "m": 20, "M": 20, "g": 30, "G": 30}
_LARGEST = (1 << 64) - 1


def exit_with_usage(name: str, status: int) -> None:
    """Print one of the recorded usage texts and end the command."""
    path = os.path.join(os.path.dirname(__file__), name)
    fd = os.open(path, os.O_RDONLY)
    write_stderr(os.fsdecode(os.read(fd, 1 << 16)))
    os.close(fd)
    raise CommandExit(status)
