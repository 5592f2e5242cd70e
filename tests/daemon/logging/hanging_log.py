"""Runs hammerd with logs on a disk that hangs as long as a file `hang` is beside them."""

import sys
import time
from pathlib import Path

from hammerd.cli.main import main
from hammerd.daemon.logging.files import LogFile

_put = LogFile._put


def _put_when_free(self: LogFile, lines: list[str]) -> None:
    while Path(self._path).with_name("hang").exists():
        time.sleep(0.01)
    _put(self, lines)


if __name__ == "__main__":
    LogFile._put = _put_when_free  # type: ignore[method-assign]
    sys.argv = ["hammerd", *sys.argv[-3:]]
    sys.exit(main())
