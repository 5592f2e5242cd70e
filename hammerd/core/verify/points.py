"""Names the tree of a PFS as of a TID, and tells which points in time are worth a comparison."""

from hammerd.core.tid import Tid, format_tid


def as_of(path: str, tid: Tid) -> str:
    """Return the path of a tree as of a TID; `path` is a softlink of a PFS, or a null mount."""
    return f"{path}/@@{format_tid(tid)}"
