"""Refuses requests of other sites and to other names, and adds headers of security to each answer.

Host              one of the allowed names; a page of another site that had its name resolve to
                  this address (DNS rebinding) sends its own
Origin            absent, or an allowed name
Sec-Fetch-Site    absent, same-origin or none; a link that a person follows may come from
                  anywhere
method            GET or HEAD: nothing here changes anything
"""

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOT_ALLOWED = 405
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """An ASGI application that lets good requests through to another one."""

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in (*LOOPBACK_NAMES, *names) if name)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message))
            await send(message)

        refusal = fault_of(str(scope["method"]), Headers(scope=scope), self._names)
        # No file has such a name, and some releases of Starlette break on it.
        refusal = refusal or ((404, "Not Found") if "\0" in scope["path"] else None)
        app = self._app if refusal is None else _refuse(*refusal)
        await app(_without_ranges(scope), receive, send_safely)
        return None


def _without_ranges(scope: Scope) -> Scope:
    """Return a request for whole answers: many ranges cost some releases of Starlette dearly."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
    return {**scope, "headers": headers}


def _refuse(status: int, text: str) -> PlainTextResponse:
    headers = {"Allow": "GET, HEAD"} if status == NOT_ALLOWED else None
    return PlainTextResponse(text, status, headers)


def _add_headers(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers[name] = value
    # What has an ETag is asked for again, and mostly not sent again.
    headers.setdefault("Cache-Control", "no-cache" if "etag" in headers else "no-store")


def fault_of(method: str, headers: Headers, names: Collection[str]) -> tuple[int, str] | None:
    """Return the status and the text of a refusal, None for a good request."""
    if method not in ("GET", "HEAD"):
        return NOT_ALLOWED, "only GET and HEAD are answered here\n"
    if len(headers.getlist("host")) != 1 or host_of(headers["host"]) not in names:
        return 421, "this name is not served here: hammerd web --allow-host adds it\n"
    if any(host_of_origin(origin) not in names for origin in headers.getlist("origin")):
        return 403, "a page of another site may not ask here\n"
    if headers.get("sec-fetch-site", "none") in ("same-origin", "none"):
        return None
    if headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document":
        return None
    return 403, "a page of another site may not ask here\n"


def host_of(text: str) -> str:
    """Return the name of a Host header without its port, "" for one that is no host."""
    try:
        parts = urlsplit(f"//{text}")
        assert parts.port is None or parts.port > 0
    except (ValueError, AssertionError):
        return ""
    is_plain = not (parts.path or parts.query or parts.fragment or "@" in text)
    return (parts.hostname or "").rstrip(".") if is_plain else ""


def host_of_origin(text: str) -> str:
    """Return the name in an Origin header, "" for one that is opaque or no origin."""
    scheme, separator, host = text.partition("://")
    return host_of(host) if separator and scheme in ("http", "https") else ""
