"""The kind of a host is known to its own module, its makers, and the doctor of its way."""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hammerd.core.hammer.commands import pfs_status_argv, stream_argv, stream_environment
from hammerd.core.hosts.host import THIS_HOST, Host
from hammerd.core.hosts.ssh_argv import SshSettings
from hammerd.core.pair.slave_claims import slave_keys
from hammerd.core.pairs import Endpoint, Gear, Pair, needs_login
from tests.paths import ROOT

MAKERS = {"core/config/endpoints.py", "daemon/foreign/slave_writers.py"}
"""The modules that read the text of an endpoint and make its host."""

DOCTOR = "cli/doctor/ssh/"
"""The checks of a way through ssh: its options, key, port and host key are no other kind's."""


def test_no_other_module_names_a_kind_of_host() -> None:
    named = {
        str(file.relative_to(ROOT / "hammerd"))
        for file in (ROOT / "hammerd").rglob("*.py")
        if file.parent.name != "hosts"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Name) and node.id in {"SshHost", "ThisHost"}
    }

    assert {name for name in named if not name.startswith(DOCTOR)} == MAKERS


@dataclass(frozen=True, slots=True)
class Jail:
    """A third kind of host: a jail of this machine, whose commands run under jexec(8)."""

    name: str
    login: str = ""
    shares_paths: bool = False
    shares_processes: bool = True
    is_probed: bool = True
    needs_login: bool = False
    dead_link_s: float = 0.0

    @property
    def key(self) -> str:
        return f"jail {self.name}"

    def reached_by(self, ssh: SshSettings) -> Host:
        return self

    def operand(self, path: str) -> str:
        return f"{self.name}:{path}"

    def command(self, hammer: str, words: Sequence[str]) -> tuple[str, ...]:
        return ("jexec", self.name, hammer, *words)

    def half(self, words: Sequence[str]) -> Mapping[str, object]:
        return {"jexec": self.name, "words": list(words)}


def test_third_kind_of_host_is_a_class_with_the_same_properties() -> None:
    jail: Host = Jail("web")
    pair = Pair("home", Endpoint("/pfs/a", jail), Endpoint("/pfs/b", THIS_HOST))

    assert stream_argv("hammer", pair, Gear.FOLLOWING)[-2:] == ("web:/pfs/a", "/pfs/b")
    status = pfs_status_argv("/sbin/hammer", (pair.master,))
    assert status == ("jexec", "web", "/sbin/hammer", "pfs-status", "/pfs/a")
    value = stream_environment("/root", "rsh", pair, Gear.FOLLOWING)["HAMMERD_RSH"]
    assert '"master":{"jexec":"web","words":["-i","1","-B"]}' in value
    assert slave_keys((pair.master,), None) == {"path:jail web:/pfs/a"}
    assert not needs_login(pair)
