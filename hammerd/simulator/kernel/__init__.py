"""The HAMMER file system in directories: TIDs, PFSs, records, snapshots, ioctls and waits.

    ROOT/.hammerfs/volume, flush_tid, next_object     written by newfs_hammer, flushes; a counter
    ROOT/.hammerfs/reserved_tid, dirty_tid            TIDs given away; one that no flush has taken
    ROOT/.hammerfs/syncer_at, flush_number            when the syncer is due; number of flushes
    ROOT/.hammerfs/slow_read_ms, ronly, faults ...    knobs that are set
    ROOT/.hammerfs/waiters/PID                        a FIFO for each process that waits for a TID
    ROOT/.hammerfs/mounts                             null mounts
    ROOT/.hammerfs/lock, lock_of_users                excludes writers; keeps it from an unmount
    ROOT/.hammerfs/pfs/00001/info                     what pfs-status prints
    ROOT/.hammerfs/pfs/00001/durable                  its TID after a power cut
    ROOT/.hammerfs/pfs/00001/records, data            heads and data of all records, append-only
    ROOT/.hammerfs/pfs/00001/live, inodes             a master's files, or a link to their mount
    ROOT/.hammerfs/pfs/00001/snapshots/0x...          a slave's files, hard links into contents
    ROOT/.hammerfs/pfs/00001/as_of/0x...              a PFS as of a TID, hard links likewise
    ROOT/pfs/test -> @@-1:00001 -> ../.hammerfs/pfs/00001/live

Small files are replaced by rename, large ones only appended to; a lock file excludes writers.

`file_system` is the state of a file system and its PFSs, `records` their records and trees,
`flush` makes records of what changed in masters, `ioctls` is what hammer(8) calls, `recovery`
a power cut. Each imports only those before it.
"""
