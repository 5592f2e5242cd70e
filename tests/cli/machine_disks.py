"""Two simulated file systems, a hammer, and a config of one pair."""

import subprocess
from pathlib import Path

from hammerd.simulator import admin


class MachineDisks:
    """Two file systems, a hammer, and a config of one pair."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.hammer = admin.install(root / "bin")
        for number, base in ((1, 0x100000000), (2, 0x700000000)):
            admin.new_file_system(self.fs(number), f"Backup{number}", tid_base=base)
            (self.fs(number) / "pfs").mkdir()

    def fs(self, number: int) -> Path:
        return self.root / f"Backup{number}"

    def master(self, name: str, number: int = 1) -> Path:
        return admin.new_master(self.fs(number) / "pfs" / name)

    def slave(self, master: Path, name: str, number: int = 2) -> Path:
        return admin.new_slave(self.fs(number) / "pfs" / name, master)

    def run(self, *words: object) -> None:
        subprocess.run([self.hammer, *map(str, words)], check=True, capture_output=True)

    def config(self, master: object, slave: object, daemon: str = "", rest: str = "") -> Path:
        path = self.root / "h.toml"
        hammer = "" if "hammer =" in daemon else f'hammer = "{self.hammer}"\n'
        path.write_text(
            f'[daemon]\n{hammer}{daemon}\n[defaults]\nflush_every = "10s"\n'
            f'[pairs.a]\nmaster = "{master}"\nslave = "{slave}"\n{rest}'
        )
        return path
