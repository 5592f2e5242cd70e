"""Measures the page of `hammerd web` with 300 pairs in Chromium, against a plain page.

The plain page holds the same table as HTML, with the same style sheet and no script: what a
browser needs to read and paint it.
"""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.tables import milliseconds, print_table
from hammerd.web.app import STATIC
from tests.web.static.fleet import Story, many, pair_json, write_history
from tests.web.static.site import Site, now
from tests.web.static.tab import CHROMIUM_FLAGS, WAIT_MS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAIRS, ROUNDS, UPDATES = 300, 7, 8
DAY, YEAR = 1.0, 365.0
INTERVAL_S = 30.0
YEARLING = Story("a-year", usual_s=9)

_PAINTED = """
    new Promise((done) => {
        const look = () => document.querySelectorAll("#pairs tbody").length >= COUNT
            ? requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now())))
            : requestAnimationFrame(look);
        look();
    })
"""
_CHART = """
    async (name) => {
        const span = document.querySelector(".span");
        const begin = performance.now();
        const drawn = new Promise((done) => new MutationObserver(() => requestAnimationFrame(
            () => requestAnimationFrame(() => done(performance.now() - begin)),
        )).observe(span, { childList: true }));
        [...document.querySelectorAll(".controls button")].find((each) =>
            each.textContent === name).click();
        return drawn;
    }
"""
_KEEP_LONG_TASKS = """
    window.busy = [];
    new PerformanceObserver((list) => window.busy.push(...list.getEntries().map(
        (each) => each.duration))).observe({ type: "longtask" });
"""


def run() -> None:
    """Measure both pages in turn, then a chart of a year and updates."""
    program = shutil.which("chromium")
    if program is None:
        print("no chromium here, so no page is measured")
        return
    from playwright.sync_api import sync_playwright

    with _filled_site() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        _measure_paint(browser, site)
        _measure_use(browser, site)
        browser.close()


@contextmanager
def _filled_site() -> Iterator[Site]:
    site, at = Site(), now()
    told = [YEARLING, *many(PAIRS - 1)]
    write_history(site.history, [YEARLING], at, YEAR, INTERVAL_S)
    write_history(site.history, told[1:], at, DAY, INTERVAL_S)
    site.show([pair_json(story, at) for story in told], at)
    site.start_daemon()
    site.start_server()
    try:
        yield site
    finally:
        site.close()


@contextmanager
def _plain_page(table: str) -> Iterator[str]:
    """Serve a table as a page without a script."""
    with TemporaryDirectory() as directory:
        shutil.copy(STATIC / "page.css", directory)
        text = f'<!doctype html><link rel="stylesheet" href="page.css">{table}'
        (Path(directory) / "index.html").write_text(text)
        handler = partial(_Quiet, directory=directory)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - of the base
        pass


def _measure_paint(browser: "Browser", site: Site) -> None:
    page = _open(browser, site.url)
    table = str(page.eval_on_selector("#pairs", "(table) => table.outerHTML"))
    page.context.close()
    with _plain_page(table) as plain_url:
        taken: dict[str, list[float]] = {"plain page, no script": [], "page of hammerd web": []}
        for _ in range(ROUNDS):
            for name, url in zip(taken, (plain_url, site.url), strict=True):
                page = _open(browser, url)
                taken[name].append(page.painted_s)  # type: ignore[attr-defined]
                page.context.close()
    floor = median(taken["plain page, no script"])
    rows = [
        (name, milliseconds(each), f"{median(each) / floor:.1f}") for name, each in taken.items()
    ]
    print_table(f"From the request to {PAIRS} pairs on the screen", ("", "median", "ratio"), rows)


def _open(browser: "Browser", url: str) -> "Page":
    """Open a page in a fresh context; the time to its paint is in `painted_s`."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(url, wait_until="commit")
    painted_ms = page.evaluate(_PAINTED.replace("COUNT", str(PAIRS)))
    page.painted_s = painted_ms / 1_000  # type: ignore[attr-defined]
    return page


def _measure_use(browser: "Browser", site: Site) -> None:
    page = _open(browser, f"{site.url}#pair={YEARLING.name}")
    page.wait_for_selector(".canvas .uplot")
    page.wait_for_timeout(1_000)
    rows = []
    for name in ("7d", "30d", "1y"):
        rounds = []
        for _ in range(3):
            rounds.append(float(page.evaluate(_CHART, name)) / 1_000)
            page.evaluate(_CHART, "24h")
        rows.append((f"chart of {name}", milliseconds(rounds)))
    page.context.close()
    print_table("From the click to the chart", ("", "median"), rows)
    page = _open(browser, site.url)
    page.evaluate(_KEEP_LONG_TASKS)
    for number in range(UPDATES):
        at = now()
        changes: dict[str, object] = {"restarts": number, "lag_s": number * 7.0}
        pairs = [pair_json(Story(story.name, changes=changes), at) for story in many(PAIRS)]
        site.show(pairs, at)
        page.wait_for_timeout(2_200)
    busy = [float(each) / 1_000 for each in page.evaluate("window.busy")]
    page.context.close()
    title = f"Tasks of more than 50 ms in {UPDATES} updates of all {PAIRS} pairs"
    print_table(title, ("", ""), [("number", str(len(busy))), ("longest", _longest(busy))])


def _longest(seconds: list[float]) -> str:
    return f"{max(seconds) * 1_000:.0f} ms" if seconds else "-"
