"""Prints a program that `make install` puts below PREFIX, for the Python that runs this.

    make-program.py              bin/hammerd
    make-program.py hammerd.rsh  libexec/hammerd-rsh, which starts quickly: -IS imports no site

rc.subr knows a running script by the interpreter that its first line names by its whole path.
"""

import sys

PROGRAM = """\
#!{interpreter}
import os
import sys

here = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
sys.path.insert({index}, os.path.join(here, "lib", "hammerd"))

from {module} import main

sys.exit(main())
"""

module = sys.argv[1] if len(sys.argv) > 1 else "hammerd.cli.main"
is_lean = module == "hammerd.rsh"
sys.stdout.write(
    PROGRAM.format(
        interpreter=f"{sys.executable} -IS" if is_lean else sys.executable,
        index=0 if is_lean else 1,
        module=module,
    )
)
