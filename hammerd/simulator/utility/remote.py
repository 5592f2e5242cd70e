"""A half on another host: the argument vector for ssh or $HAMMER_RSH (HAMMER.md 11)."""

from __future__ import annotations

import os

from hammerd.simulator.utility.options import Options


def arguments(options: Options, spec: str, command: str) -> list[str]:
    """Return the words that run `command` for [user@]host:path; -i, -b, -B do not travel."""
    place, _, path = spec.partition(":")
    # hammer looks for the @ in the whole text, the path included.
    user, at, host = spec.partition("@")
    host = host.partition(":")[0] if at else place
    words = [os.environ.get("HAMMER_RSH", "ssh")]
    if options.compress:
        words.append("-C")
    words += ["-l", user, host] if at else [host]
    if options.port:
        words += ["-p", options.port]
    words.append("hammer")
    if options.verbose:
        words.append("-" + "v" * min(options.verbose, 3))
    if options.assume_yes:
        words.append("-y")
    words.append("-2")
    if command != "mirror-write":
        words += _source_words(options)
    return [*words, command, path]


def _source_words(options: Options) -> list[str]:
    words = []
    if options.timeout_s:
        words += ["-t", str(options.timeout_s)]
    if options.split_text:
        words += ["-S", options.split_text]
    return words


def become(words: list[str]) -> None:
    """Run the words in this process; end it without a word when that cannot be."""
    try:
        os.execvp(words[0], words)
    except OSError:
        os._exit(1)
