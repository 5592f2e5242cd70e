"""A disk that is lost under a slave (knob `lost_disk`).

The batch under way counts as written, in memory. Then the file system is read-only, and who waits
for its disk never comes back.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]
import os

from hammerd.simulator import clock
from hammerd.simulator.kernel.file_system import FileSystem
from hammerd.simulator.kernel.state_files import replace_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def wait_for_disk(fs: FileSystem) -> NoReturn:
    """Turn the file system read-only and never return, whatever signal comes.

    Nothing outlives SIGKILL here. Whose uid the knob holds is who this process becomes, so that a
    superuser without the right to end the processes of others cannot end it.
    """
    replace_file(fs.path("turned_ronly"), b"1\n")
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    uid = int(fs.knob("lost_disk"))
    clock.trace(-1, "lost disk")
    if uid > 1 and os.geteuid() == 0:
        os.setuid(uid)
    while True:
        signal.pause()
