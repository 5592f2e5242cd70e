"""Runs hammerd with its work of each minute done every tenth of a second."""

import sys

from hammerd.cli.main import main
from hammerd.daemon import run

if __name__ == "__main__":
    run.CHECKPOINT_S = 0.1
    sys.argv = ["hammerd", *sys.argv[-3:]]
    sys.exit(main())
