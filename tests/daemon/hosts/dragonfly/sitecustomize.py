"""Lets a Python program find the processes of a DragonFly; put this directory on PYTHONPATH.

Applied when a program imports psutil, so that a program that reads no processes is unchanged.
"""

import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType


class _Patched(Loader):
    def __init__(self, real: Loader) -> None:
        self._real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        import dragonfly_processes

        dragonfly_processes.install(module)


class _Finder(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != "psutil":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Patched(spec.loader)
        return spec


def _name_the_system() -> None:
    real = os.uname()
    name = os.uname_result(("DragonFly", real.nodename, "5.9-DEVELOPMENT", "v5.9", "x86_64"))
    os.uname = lambda: name


_name_the_system()
sys.meta_path.insert(0, _Finder())
