"""Reads `[[user@]host:]path`, one end of a pair, and refuses what hammer or a shell takes amiss.

hammer cuts at the first `:`, looks for an `@` in the whole string, and hands a remote path to
the remote shell (docs/hammer.md 7.1). An end that would not reach hammer as written is a fault.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hammerd.core.config.values import (
    DOT_DOT,
    PATH_TOO_LONG,
    InvalidValue,
    Problem,
    has_dot_dot,
    is_path_too_long,
    read_text,
    tidy_path,
)
from hammerd.core.pairs import Endpoint

_SHELL = frozenset("\"'`$&;|<>()[]{}*?!#~^\\")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_URL = re.compile(r"(?P<scheme>[^/:]*):+//+(?P<rest>.*)")
FORMS_HINT = "write host:/path, user@host:/path, or /path on this host"
_PORT = re.compile(r"[^/]*:[0-9]+(?:/|$)")
SCHEMES = frozenset(
    {"file", "ftp", "ftps", "http", "https", "nfs", "rsync", "scp", "sftp", "smb", "ssh"}
)
"""What stands before `://` and is hardly a host."""

_IPV6 = re.compile(r"(?:[^/]*@)?(?:\[|[0-9A-Fa-f]*:[0-9A-Fa-f]*:)[^/]*")


@dataclass(frozen=True, slots=True)
class _Parts:
    """The text of an end, cut where hammer cuts it; `where` is None without a colon."""

    where: str | None
    path: str

    @property
    def user(self) -> str | None:
        return self.where.partition("@")[0] if self.where and "@" in self.where else None

    @property
    def host(self) -> str | None:
        if self.where is None or self.user is None:
            return self.where
        return self.where.partition("@")[2]


def read_endpoint(value: object) -> Endpoint:
    """Read one end of a pair; trailing slashes are cut.

    Raises:
        Unreadable: with everything that is wrong with it.
    """
    text = read_text(value)
    parts = _cut(text)
    problems = tuple(_wrongs(text, parts))
    if problems:
        raise InvalidValue(*problems)
    return Endpoint(path=tidy_path(parts.path), host=parts.host, user=parts.user)


def _cut(text: str) -> _Parts:
    where, colon, path = text.partition(":")
    return _Parts(where, path) if colon else _Parts(None, text)


def _wrongs(text: str, parts: _Parts) -> Iterator[Problem]:
    if url := _URL.match(text):
        yield Problem("is a URL, and hammer knows none", _instead_of_url(url))
    elif _IPV6.fullmatch(text.partition("/")[0]):
        yield Problem(
            "holds an IPv6 address, which hammer cuts at its first colon",
            "give the host a name in /etc/hosts or in root's .ssh/config",
        )
    elif parts.where is not None and "/" in parts.where:
        yield Problem(
            "holds a `:` in a local path: hammer takes what stands before it as a host",
            "reach the PFS by a path without a colon",
        )
    else:
        yield from (wrong for check in _CHECKS if (wrong := check(parts)) is not None)


def _instead_of_url(url: re.Match[str]) -> str:
    """Say how hammer wants the end that a URL seems to mean."""
    scheme, rest = url["scheme"], url["rest"]
    if scheme.lower() not in SCHEMES:
        # nas.lan://Backup/pfs: a host, and a slash too many.
        where, path = scheme, f"/{rest}"
    elif url[0].startswith(f"{scheme}:///"):
        where, path = "", f"/{rest}"
    else:
        where, _, path = rest.partition("/")
        where, path = re.sub(r":[0-9]*$", "", where), f"/{path}"
    form = f"{where}:{path}" if where else path
    if tuple(_wrongs(form, _cut(form))):
        return FORMS_HINT
    if where == scheme and not set(scheme) & {".", "@"}:
        return f'{FORMS_HINT}, like "{form}" if {scheme} is a host'
    port = "; a port belongs in root's .ssh/config" if _PORT.match(rest) else ""
    return f'write "{form}"{port}'


def _host_wrong(parts: _Parts) -> Problem | None:
    if parts.host is None or _HOST.fullmatch(parts.host):
        return None
    return Problem(_name_fault("host", parts.host), "write host:/path or user@host:/path")


def _user_wrong(parts: _Parts) -> Problem | None:
    if parts.user is None or _HOST.fullmatch(parts.user):
        return None
    return Problem(_name_fault("user", parts.user), "write host:/path or user@host:/path")


def _name_fault(kind: str, name: str) -> str:
    if not name:
        return f"names no {kind}"
    if name.startswith("-"):
        return f"has a {kind} that starts with `-`, which ssh takes for an option"
    return f"has a {kind} with other characters than letters, digits and . _ -"


def _path_wrong(parts: _Parts) -> Problem | None:
    if parts.path.startswith("/"):
        return None
    if parts.path.startswith("-"):
        return Problem(
            "has a path that starts with `-`, which hammer takes for an option",
            "write the absolute path of the PFS",
        )
    return Problem("must have an absolute path", 'write it like "/Backup1/pfs/test"')


def _long_wrong(parts: _Parts) -> Problem | None:
    if is_path_too_long(f"{parts.where or ''}:{parts.path}"):
        return PATH_TOO_LONG
    return None


def _going_up_wrong(parts: _Parts) -> Problem | None:
    return DOT_DOT if has_dot_dot(parts.path) else None


def _at_sign_wrong(parts: _Parts) -> Problem | None:
    if "@" not in parts.path:
        return None
    return Problem(
        "holds an `@` in its path, which hammer takes for the end of a user",
        "name the PFS by its link, like /Backup1/pfs/test",
    )


def _shell_wrong(parts: _Parts) -> Problem | None:
    if parts.where is None:
        return None
    taken = sorted({char for char in parts.path if char.isspace() or char in _SHELL})
    if not taken:
        return None
    listed = " ".join("blank" if char.isspace() else char for char in taken)
    return Problem(
        f"holds characters in a remote path that the remote shell interprets: {listed}",
        "link the PFS under a plain name on the remote host",
    )


_CHECKS: tuple[Callable[[_Parts], Problem | None], ...] = (
    _user_wrong,
    _host_wrong,
    _path_wrong,
    _going_up_wrong,
    _long_wrong,
    _at_sign_wrong,
    _shell_wrong,
)
