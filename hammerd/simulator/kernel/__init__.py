"""What a HAMMER file system does: TIDs, PFSs, records, snapshots and waits in directories.

    ROOT/.hammerfs/volume, flush_tid, next_object     what newfs_hammer made, flushes, a counter
    ROOT/.hammerfs/reserved_tid, dirty_tid            TIDs given away, and one no flush has taken
    ROOT/.hammerfs/syncer_at, flush_number            when the syncer is due, and flushes drawn
    ROOT/.hammerfs/slow_read_ms, ronly, faults ...    knobs, where set
    ROOT/.hammerfs/waiters/PID                        a FIFO for each process that waits for a TID
    ROOT/.hammerfs/mounts                             null mounts
    ROOT/.hammerfs/lock, lock_of_users                who changes it, and who keeps it mounted
    ROOT/.hammerfs/pfs/00001/info                     what pfs-status prints
    ROOT/.hammerfs/pfs/00001/durable, looked_at_tid   what a cut leaves, what a look overwrote
    ROOT/.hammerfs/pfs/00001/records, data            heads and data of all records, append-only
    ROOT/.hammerfs/pfs/00001/live, inodes             a master's files (or where they are mounted)
    ROOT/.hammerfs/pfs/00001/snapshots/0x...          what a slave shows, hard links into contents
    ROOT/pfs/test -> @@-1:00001 -> ../.hammerfs/pfs/00001/live

Small files are replaced by rename, large ones only appended to; a lock file keeps writers apart.
"""
