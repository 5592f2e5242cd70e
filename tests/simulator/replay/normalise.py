"""Normalises output before a rerun is compared with its recording; no other module does.

The rules are those of tests/data/transcripts/README.md 5.
"""

from __future__ import annotations

import re

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{11,12}")
_TID = re.compile(r"(?<![0-9a-f])[0-9a-f]{16}(?![0-9a-f])")
FIRST_TID = 0x100000300
_LAST_TID = 0x7FFFFFFFFFFFFFFF
_CYCLE_FILE_BYTES = 48

_PEER_ERRORS = (
    "validate_mrec_header: short read",
    "read_mrecords: short read on pipe",
    "mirror_read: Did not get final acknowledgement packet from target",
    r"Mirror-write \S+ Did not get termination sync record, or rec_size is wrong rt=-1",
)
"""Messages of a half whose peer has ended: which one is printed is a race (rule 6)."""

_PEER_ERROR = re.compile(rf"hammer: (?:{'|'.join(_PEER_ERRORS)})\n")
_BROKEN_PIPE = re.compile(
    r"short read of mrecord header\n|hammer: write_mrecord: Bad file descriptor\n"
)
_COUNT = re.compile(r" +\d+(?=$|\)|\r)|(?<=obj=)[0-9a-f]{16}", re.MULTILINE)
_PROGRESS = re.compile(r"\rscan obj=.{16} tids=.{33} [ \d]{11}|\rscan [^\r\n\x08]*$")
_FIGURE = re.compile(r"(?<=bulk= )(?!18446744073709551615)\d+|(?<=total )\d+|(?<=\()\d+(?=\))")
_SNAPSHOT = re.compile("Mirror-write: Completed, updated snapshot to .+\n")
_UNCERTAIN = re.compile(rf"hammer: |\n|\x08D|{'|'.join(_PEER_ERRORS)}")

_PROCESSES = {
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
        *_PEER_ERRORS,
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
    "|".join(f"(?P<{who}>{'|'.join(pieces)})" for who, pieces in _PROCESSES.items())
)


def normalised(text: str) -> str:
    """Replace TIDs and uuids by numbers in order of appearance, so that two runs compare."""
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


def without_tid_names(text: str) -> str:
    """Replace all TIDs by the same name."""
    return re.sub(r"<tid \d+>(?:\+1)?", "<tid>", normalised(text))


def line_kinds(text: str) -> set[str]:
    """Return the kinds of lines of an endless loop; their number has no meaning (rule 9)."""
    return set(re.split(r"[\n\r]", without_tid_names(text))[1:-1])


def without_counts(text: str) -> str:
    """Remove the sizes of slices and the objects at which reads stopped."""
    return _COUNT.sub("N", text)


def file_text(content: bytes) -> str:
    """Return a scoreboard or cycle file as text; a cycle file ends with a TID of 8 bytes."""
    text = content.decode("latin-1")
    if len(content) == _CYCLE_FILE_BYTES:
        return normalised(f"{text[:-8]} {int.from_bytes(content[-8:], 'little'):016x}")
    return normalised(text)


def is_record(content: bytes) -> bool:
    """Return whether stdout was a protocol message; only its presence and kind are compared."""
    return b"\0" in content


def without_delay_marks(text: str) -> str:
    """Remove the marks of remaining delays: a clock of whole seconds decides them (rule 7)."""
    return text.replace("\bD", "")


def without_peer_errors(text: str) -> str:
    """Remove the messages of a half whose peer has ended (rule 6)."""
    return _PEER_ERROR.sub("", text)


def without_broken_pipes(text: str) -> str:
    """Remove the messages of halves whose pipe was closed at the start: their order is random."""
    return _BROKEN_PIPE.sub("", text)


def without_snapshots(text: str) -> str:
    """Remove the messages that show which of two streams moved the slave (README 6)."""
    return _SNAPSHOT.sub("", text)


def deterministic(text: str) -> str:
    """Remove all that depends on milliseconds, so that the length of the rest is exact."""
    return _UNCERTAIN.sub("", text)


def without_progress(text: str) -> str:
    """Remove the progress of slices: a kernel's slices hold other bytes than the simulator's."""
    return _PROGRESS.sub("", text)


def without_figures(text: str) -> str:
    """Remove the sizes that a prescan counted, but not the mark of an empty one."""
    return _FIGURE.sub("N", text)


def countable(text: str) -> str:
    """Remove all that is random or depends on sizes, so that the length can be compared."""
    return re.sub(r"\d+", "N", _TID.sub("T", deterministic(without_progress(text))))


def by_process(text: str) -> dict[str, list[str]]:
    """Split output into that of parent, halves and ssh; pieces of unknown origin are sorted.

    Each half writes its pieces whole, and those of two halves come in any order (rule 5).
    """
    parts: dict[str, list[str]] = {who: [] for who in _PROCESSES}
    for piece in _PIECE.finditer(text):
        parts[piece.lastgroup or "either"].append(piece[0])
    parts["either"].sort()
    return parts


def arguments_in(rsh_log: str) -> list[str]:
    """Return the arguments of all calls, sorted: lines of concurrent calls are interleaved."""
    return sorted(re.findall(r"\[[^]]*\]", rsh_log))
