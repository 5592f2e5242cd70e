"""The records of a PFS: their storage, the files they describe, and what a stream sends."""
