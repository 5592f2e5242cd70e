"""hammer's options, read as BSD getopt reads them: they end at the first other word."""

from __future__ import annotations

import os

from hammerd.simulator.console import CommandOver, complain

WITH_ARGUMENT = "bcefitmpCRST"
FLAGS = "dhqrvyABF2X"
DEFAULT_SPLIT_BYTES = 4 << 30


class Options:
    """What the command line asked for (HAMMER.md 1)."""

    __slots__ = (
        "assume_yes",
        "bandwidth",
        "bulk",
        "compress",
        "cycle_file",
        "debug",
        "delay_s",
        "help",
        "port",
        "quiet",
        "restrict_commands",
        "restrict_path",
        "scoreboard",
        "split_bytes",
        "split_text",
        "timeout_s",
        "two_way",
        "verbose",
    )

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
        self.debug = self.help = self.two_way = False


class UsageError(Exception):
    """The command line cannot be read; the full usage follows."""


def parse(words: list[str]) -> tuple[Options, list[str]]:
    """Return the options and the words from the command on."""
    options = Options()
    words = list(words)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word == "--":
            break
        _cluster(options, word[1:], words)
    return options, words


def _cluster(options: Options, letters: str, words: list[str]) -> None:
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in WITH_ARGUMENT:
            if not letters and not words:
                complain(f"hammer: option requires an argument -- {letter}\n")
                raise UsageError
            _with_argument(options, letter, letters or words.pop(0))
            return
        _flag(options, letter)


def _flag(options: Options, letter: str) -> None:
    if letter not in FLAGS:
        complain(f"hammer: illegal option -- {letter}\n")
        raise UsageError
    if letter == "v":
        _step(options, "verbose", "quiet")
    elif letter == "q":
        _step(options, "quiet", "verbose")
    elif letter in _FLAG_NAMES:
        setattr(options, _FLAG_NAMES[letter], True)


_FLAG_NAMES = {
    "y": "assume_yes",
    "B": "bulk",
    "X": "compress",
    "d": "debug",
    "h": "help",
    "2": "two_way",
}


def _step(options: Options, up: str, down: str) -> None:
    if getattr(options, down):
        setattr(options, down, getattr(options, down) - 1)
    else:
        setattr(options, up, getattr(options, up) + 1)


def _with_argument(options: Options, letter: str, text: str) -> None:
    if letter == "S":
        options.split_bytes, options.split_text = _size(text), text
    elif letter == "b":
        options.bandwidth = _size(text)
    elif letter in "it":
        setattr(options, {"i": "delay_s", "t": "timeout_s"}[letter], leading_number(text))
    elif letter in "RT":
        name = {"R": "restrict_commands", "T": "restrict_path"}[letter]
        if getattr(options, name) is None:  # the first one wins
            setattr(options, name, text)
    elif letter in "cep":
        setattr(options, {"c": "cycle_file", "e": "scoreboard", "p": "port"}[letter], text)


def leading_number(text: str) -> int:
    """Return the number that a text begins with as strtol(3) does, 0 when there is none."""
    text = text.strip()
    sign = -1 if text.startswith("-") else 1
    digits = text[1:] if text[:1] in ("-", "+") else text
    end = next((i for i, char in enumerate(digits) if char not in "0123456789"), len(digits))
    return sign * int(digits[:end] or "0")


def _size(text: str) -> int:
    digits = text.rstrip("kKmMgG")
    suffix = text[len(digits) :].lower()
    if len(suffix) > 1 or (text and digits and not digits.isdigit()):
        raise UsageError
    return int(digits or "0") << {"": 0, "k": 10, "m": 20, "g": 30}[suffix]


def show_usage_and_end(name: str, status: int) -> None:
    """Write one of the recorded usage texts and end the command."""
    path = os.path.join(os.path.dirname(__file__), name)
    fd = os.open(path, os.O_RDONLY)
    complain(os.fsdecode(os.read(fd, 1 << 16)))
    os.close(fd)
    raise CommandOver(status)
