"""What is normalised before a rerun is held against its recording: here and nowhere else.

The rules are those of tests/data/transcripts/README.md 5.
"""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{11,12}")
_TID = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
FIRST_TID = 0x100000300
_LAST_TID = 0x7FFFFFFFFFFFFFFF
_CYCLE_FILE_BYTES = 48

_LAST_WORDS = (
    "validate_mrec_header: short read",
    "read_mrecords: short read on pipe",
    "mirror_read: Did not get final acknowledgement packet from target",
    r"Mirror-write \S+ Did not get termination sync record, or rec_size is wrong rt=-1",
)
"""What a half says when the other is gone: which of them, or none, is a race (rule 6)."""

_ECHO = re.compile(rf"hammer: (?:{'|'.join(_LAST_WORDS)})\n")
_BROKEN_PIPE = re.compile(
    r"short read of mrecord header\n|hammer: write_mrecord: Bad file descriptor\n"
)
_COUNT = re.compile(r" +\d+(?=$|\)|\r)|(?<=obj=)[0-9a-f]{16}", re.MULTILINE)
_PROGRESS = re.compile(r"\rscan obj=.{16} tids=.{33} [ \d]{11}|\rscan [^\r\n\x08]*$")
_FIGURE = re.compile(r"(?<=bulk= )(?!18446744073709551615)\d+|(?<=total )\d+|(?<=\()\d+(?=\))")
_SNAPSHOT = re.compile("Mirror-write: Completed, updated snapshot to .+\n")
_UNCERTAIN = re.compile(rf"hammer: |\n|\x08D|{'|'.join(_LAST_WORDS)}")

_SPEAKERS = {
    "parent": (r"\nLost Link\n",),
    "remote": (r"\S+: \d+: exec: hammer: not found\n", r"ssh: connect .*\n"),
    "target": (
        r"Mirror-write: Completed, updated snapshot to .+\n",
        r"Mirror-write \S+ succeeded\n",
        r"Mirror-write \S+ failed",
        r"Mirror-write \S+ fatal error \d+",
        r"mirror-write: target must be in slave mode",
        r"PFS slave .*\n",
        r"Do you want to create.*\[y/n\] ",
        r"No terminal for response\n",
        r"Response not understood\n",
        r"Aborting operation",
        r"Failed to create PFS\n",
        r"Creating PFS.*\n",
    ),
    "either": (
        "hammer: ",
        *_LAST_WORDS,
        r"short read of mrecord header\n",
        r": [A-Z][a-z /-]+(?=\n)",
        r"\n",
        r"(?:Failed to open|Cannot access|Cannot open directory) [^:\n]*",
    ),
    "source": (
        r"\rscan obj=.{16} tids=.{33} [ \d]{11}",
        r"\r?Running  \x08\x08",
        " W",
        r"\x08D",
        r"\x08 ",
        r"\.",
        r" \(bulk incremental\)",
        r" \(bulk= \d+\)",
        r"[^\n\r\x08]+?(?=hammer: |\n|\r|\x08| W|$)",
    ),
}
_PIECE = re.compile(
    "|".join(f"(?P<{who}>{'|'.join(pieces)})" for who, pieces in _SPEAKERS.items())
)


def normalised(text: str) -> str:
    """Number TIDs and uuids by first appearance, so that two runs can be compared."""
    uuids: dict[str, str] = {}
    text = _UUID.sub(lambda match: _numbered(match[0], uuids), text)
    tids: dict[int, str] = {}
    return _TID.sub(lambda match: _named_tid(match[0], tids), text)


def _numbered(uuid: str, uuids: dict[str, str]) -> str:
    if not uuid.strip("0-"):
        return uuid
    return uuids.setdefault(uuid, f"<uuid {len(uuids) + 1}>")


def _named_tid(digits: str, tids: dict[int, str]) -> str:
    tid = int(digits, 16)
    if tid < FIRST_TID or tid >= _LAST_TID:
        return digits
    if tid not in tids and tid - 1 in tids:
        return tids[tid - 1] + "+1"
    return tids.setdefault(tid, f"<tid {len(tids) + 1}>")


def nameless(text: str) -> str:
    """Take all TIDs for the same."""
    return re.sub(r"<tid \d+>(?:\+1)?", "<tid>", normalised(text))


def unit_kinds(text: str) -> set[str]:
    """Return the kinds of lines of an endless spin, whose number means nothing (rule 9)."""
    return set(re.split(r"[\n\r]", nameless(text))[1:-1])


def without_counts(text: str) -> str:
    """Leave out how much was in a slice and where a read of it stopped."""
    return _COUNT.sub("N", text)


def file_text(content: bytes) -> str:
    """Return a scoreboard or cycle file as text; the TID of the latter stands in eight bytes."""
    text = content.decode("latin-1")
    if len(content) == _CYCLE_FILE_BYTES:
        return normalised(f"{text[:-8]} {int.from_bytes(content[-8:], 'little'):016x}")
    return normalised(text)


def is_record(content: bytes) -> bool:
    """Tell whether stdout was a record of the wire, of which presence and kind are compared."""
    return b"\0" in content


def without_rests(text: str) -> str:
    """Leave out the marks of a rest of the delay: a clock of seconds decides them (rule 7)."""
    return text.replace("\bD", "")


def without_echoes(text: str) -> str:
    """Leave out what a half says because the other is gone (rule 6)."""
    return _ECHO.sub("", text)


def without_broken_pipes(text: str) -> str:
    """Leave out what halves say whose pipe was closed by the number it got: whoever is first."""
    return _BROKEN_PIPE.sub("", text)


def without_snapshots(text: str) -> str:
    """Leave out which of two streams moved the slave to a TID (transcripts README 6)."""
    return _SNAPSHOT.sub("", text)


def certain(text: str) -> str:
    """Leave out all that milliseconds decide, ends of mixed lines too: the rest can be counted."""
    return _UNCERTAIN.sub("", text)


def without_progress(text: str) -> str:
    """Leave out how a slice went on: a kernel's slices hold other bytes than the simulator's."""
    return _PROGRESS.sub("", text)


def without_figures(text: str) -> str:
    """Leave out how much a prescan counted, but not what says that it counted nothing."""
    return _FIGURE.sub("N", text)


def countable(text: str) -> str:
    """Leave out all that chance and other bytes decide: of the rest the length can be compared."""
    return re.sub(r"\d+", "N", _TID.sub("T", certain(without_progress(text))))


def by_speaker(text: str) -> dict[str, list[str]]:
    """Split what was said among parent, halves and ssh; of unowned pieces the order means nothing.

    Each half writes its pieces whole, and those of two halves come in any order (rule 5).
    """
    parts: dict[str, list[str]] = {who: [] for who in _SPEAKERS}
    for piece in _PIECE.finditer(text):
        parts[piece.lastgroup or "either"].append(piece[0])
    parts["either"].sort()
    return parts


def arguments_in(rsh_log: str) -> list[str]:
    """Return the arguments of all calls, sorted: lines of two calls at once are interleaved."""
    return sorted(re.findall(r"\[[^]]*\]", rsh_log))
