"""Reads an endpoint, `[[user@]host:]path`, and refuses forms that hammer or a shell misreads.

hammer cuts at the first `:`, looks for an `@` in the whole string, and passes a remote path to
the remote shell (docs/hammer.md 7.1). An endpoint that hammer would understand differently than
it is written is a fault.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hammerd.core.config import values
from hammerd.core.hosts.ssh_host import SshHost
from hammerd.core.pairs import Endpoint

_SHELL = frozenset("\"'`$&;|<>()[]{}*?!#~^\\")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_URL = re.compile(r"(?P<scheme>[^/:]*):+//+(?P<rest>.*)")
FORMS_HINT = "write host:/path, user@host:/path, or /path on this host"
_PORT = re.compile(r"[^/]*:[0-9]+(?:/|$)")
SCHEMES = frozenset(
    {"file", "ftp", "ftps", "http", "https", "nfs", "rsync", "scp", "sftp", "smb", "ssh"}
)
"""The schemes of URLs; before a `:/` they are hardly the name of a host."""

_IPV6 = re.compile(r"(?:[^/]*@)?(?:\[|[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[^/]*")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The text of an endpoint, cut as hammer cuts it; `login` is None without a colon."""

    login: str | None
    path: str

    @property
    def user(self) -> str | None:
        return self.login.partition("@")[0] if self.login and "@" in self.login else None

    @property
    def host(self) -> str | None:
        if self.login is None or self.user is None:
            return self.login
        return self.login.partition("@")[2]


def read_endpoint(value: object) -> Endpoint:
    """Read an endpoint of a pair; trailing slashes are cut.

    Raises:
        InvalidValue: with all its problems.
    """
    text = values.read_text(value)
    parts = _cut(text)
    problems = tuple(_problems(text, parts))
    if problems:
        raise values.InvalidValue(*problems)
    path = values.tidy_path(parts.path)
    return (
        Endpoint(path) if parts.host is None else Endpoint(path, SshHost(parts.host, parts.user))
    )


def _cut(text: str) -> _Parts:
    login, colon, path = text.partition(":")
    return _Parts(login, path) if colon else _Parts(None, text)


def _problems(text: str, parts: _Parts) -> Iterator[values.Problem]:
    if url := _URL.match(text):
        yield values.Problem("is a URL, and hammer knows none", _url_hint(url))
    elif _IPV6.fullmatch(text.partition("/")[0]):
        yield values.Problem(
            "holds an IPv6 address, which hammer cuts at its first colon",
            "give the host a name in /etc/hosts or in root's .ssh/config",
        )
    elif parts.login is not None and "/" in parts.login:
        yield values.Problem(
            "holds a `:` in a local path: hammer takes what stands before it as a host",
            "reach the PFS by a path without a colon",
        )
    else:
        yield from _login_problems(parts)
        yield from _path_problems(parts)


def _url_hint(url: re.Match[str]) -> str:
    """Return a hint with hammer's form of the endpoint that a URL seems to mean."""
    scheme, rest = url["scheme"], url["rest"]
    if scheme.lower() not in SCHEMES:
        # nas.lan://Backup/pfs: a host, and a slash too many.
        login, path = scheme, f"/{rest}"
    elif url[0].startswith(f"{scheme}:///"):
        login, path = "", f"/{rest}"
    else:
        login, _, path = rest.partition("/")
        login, path = re.sub(r":[0-9]*$", "", login), f"/{path}"
    form = f"{login}:{path}" if login else path
    if tuple(_problems(form, _cut(form))):
        return FORMS_HINT
    if login == scheme and not set(scheme) & {".", "@"}:
        return f'{FORMS_HINT}, like "{form}" if {scheme} is a host'
    port = "; a port belongs in root's .ssh/config" if _PORT.match(rest) else ""
    return f'write "{form}"{port}'


def _login_problems(parts: _Parts) -> Iterator[values.Problem]:
    for kind, name in (("user", parts.user), ("host", parts.host)):
        if name is not None and _HOST.fullmatch(name) is None:
            hint = "write host:/path or user@host:/path"
            yield values.Problem(_name_fault(kind, name), hint)


def _name_fault(kind: str, name: str) -> str:
    if not name:
        return f"names no {kind}"
    if name.startswith("-"):
        return f"has a {kind} that starts with `-`, which ssh takes for an option"
    return f"has a {kind} with other characters than letters, digits and . _ -"


def _path_problems(parts: _Parts) -> Iterator[values.Problem]:
    path = parts.path
    if path.startswith("-"):
        what = "has a path that starts with `-`, which hammer takes for an option"
        yield values.Problem(what, "write the absolute path of the PFS")
    elif not path.startswith("/"):
        yield values.Problem("must have an absolute path", 'write it like "/Backup1/pfs/test"')
    if values.has_dot_dot(path):
        yield values.DOT_DOT
    if values.is_path_too_long(f"{parts.login or ''}:{path}"):
        yield values.PATH_TOO_LONG
    if "@" in path:
        what = "holds an `@` in its path, which hammer takes for the end of a user"
        yield values.Problem(what, "name the PFS by its link, like /Backup1/pfs/test")
    special = {char for char in path if char.isspace() or char in _SHELL}
    if special and parts.login is not None:
        listed = " ".join("blank" if char.isspace() else char for char in sorted(special))
        what = f"holds characters in a remote path that the remote shell interprets: {listed}"
        yield values.Problem(what, "link the PFS under a plain name on the remote host")
