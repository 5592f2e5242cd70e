"""Prints the program that `make install` puts into PREFIX/bin, for the Python that runs this.

rc.subr knows a running script by the interpreter that its first line names by its whole path.
"""

import sys

PROGRAM = """\
#!{python}
import os
import sys

here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert(1, os.path.join(here, "lib", "hammerd"))

from hammerd.cli.main import main

sys.exit(main())
"""

sys.stdout.write(PROGRAM.format(python=sys.executable))
