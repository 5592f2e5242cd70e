"""The routes of the web server.

/                 the page, and /static with its files
/api/v1/status    the status as JSON;  /api/v1/live sends it at each change
/api/v1/lag       the course of a pair's lag
/api/v1/events    what happened
/api/v1/sparklines  the lag of the last day of all pairs
/healthz          whether this process and the daemon answer
/metrics          for Prometheus
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from hammerd.cli.output.failures import CommandFailed
from hammerd.core.errors import HammerdError
from hammerd.core.exit_codes import Exit
from hammerd.web.guard import Guard
from hammerd.web.live import Live, TooManyClients
from hammerd.web.metrics.exposition import exposition_of, form_for
from hammerd.web.parameters import BadRequest, error_response
from hammerd.web.past import events_json, lag_json
from hammerd.web.sparklines import sparklines_json
from hammerd.web.views import View, Views

STATIC = Path(__file__).parent / "static"
READERS = 2
"""The threads that read the history."""

Question = Callable[[View, QueryParams], Mapping[str, object]]


@dataclass(frozen=True)
class Site:
    """The application, and its live clients, which the server ends before it ends itself."""

    app: ASGIApp
    live: Live


def make_site(views: Views, names: Iterable[str]) -> Site:
    """Return the application; `names` are allowed in the Host header beside those of loopback."""
    live, readers = Live(views), ThreadPoolExecutor(READERS, thread_name_prefix="history")
    app = Starlette(
        routes=[
            Route("/", _index),
            Mount("/static", StaticFiles(directory=STATIC)),
            Route("/api/v1/status", _with_view(views, _status)),
            Route("/api/v1/live", _live(live)),
            Route("/api/v1/lag", _past(views, readers, lag_json)),
            Route("/api/v1/events", _past(views, readers, events_json)),
            Route("/api/v1/sparklines", _past(views, readers, sparklines_json)),
            Route("/healthz", _with_view(views, _health)),
            Route("/metrics", _with_view(views, _metrics)),
        ]
    )
    return Site(Guard(app, names), live)


Endpoint = Callable[[Request], Awaitable[Response]]


async def _index(_: Request) -> Response:
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


def _with_view(views: Views, answer: Callable[[Request, View], Awaitable[Response]]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await answer(request, await views.latest())

    return endpoint


async def _status(_: Request, view: View) -> Response:
    return Response(view.body, media_type="application/json")


async def _health(_: Request, view: View) -> Response:
    if view.is_running:
        return JSONResponse({"ok": True})
    return JSONResponse({"ok": False, "because": view.stale_because}, 503)


async def _metrics(request: Request, view: View) -> Response:
    form = form_for(",".join(request.headers.getlist("accept")))
    if form not in view.expositions:
        view.expositions[form] = await asyncio.to_thread(
            exposition_of, view.status, is_up=view.is_running, form=form
        )
    body, content_type = view.expositions[form]
    return Response(body, headers={"Content-Type": content_type})


def _live(live: Live) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        try:
            events = live.subscribe()
        except TooManyClients:
            answer = error_response(503, "there are too many live clients", "close some pages")
            answer.headers["Retry-After"] = "30"
            return answer
        # A proxy that keeps an answer back until it is whole would show nothing.
        headers = {"X-Accel-Buffering": "no"}
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    return endpoint


def _past(views: Views, readers: ThreadPoolExecutor, ask: Question) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        view = await views.latest()
        loop = asyncio.get_running_loop()
        try:
            body = await loop.run_in_executor(readers, _encoded, ask, view, request.query_params)
        except BadRequest as fault:
            return fault.response()
        except HammerdError as error:
            return error_response(_status_of(error), error.message, error.hint)
        return Response(body, media_type="application/json")

    return endpoint


def _encoded(ask: Question, view: View, query: QueryParams) -> bytes:
    return json.dumps(ask(view, query)).encode()


def _status_of(error: HammerdError) -> int:
    is_absent = isinstance(error, CommandFailed) and error.code == Exit.NO_INPUT
    return 404 if is_absent else 503
