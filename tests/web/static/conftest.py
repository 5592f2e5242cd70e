"""One browser and one web server for all tests of the page."""

import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.web.static.fleet import many, pair_json, stories, write_history
from tests.web.static.site import Site, now
from tests.web.static.tab import CHROMIUM_FLAGS, Tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HISTORY_DAYS, HISTORY_STEP_S = 4.0, 600.0

OpenTab = Callable[..., Tab]


# Not for the session: while playwright runs, no other test of this process can call asyncio.run().
@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright here")
    program = shutil.which("chromium") or shutil.which("chrome")
    if program is None:
        pytest.skip("no chromium here")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def running_site() -> Iterator[Site]:
    site = Site()
    at = now()
    write_history(site.history, [*stories(at), *many(2)], at, HISTORY_DAYS, HISTORY_STEP_S)
    site.start_daemon()
    site.start_server()
    yield site
    site.close()


@pytest.fixture
def site(running_site: Site) -> Site:
    """The site, with a status of all stories."""
    at = now()
    running_site.show([pair_json(story, at) for story in stories(at)], at)
    return running_site


@pytest.fixture
def open_tab(browser: "Browser", site: Site) -> Iterator[OpenTab]:
    tabs: list[Tab] = []

    def open_one(
        hash_text: str = "", *, is_faulty: bool = False, starts: bool = True, **settings: object
    ) -> Tab:
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | settings))
        tabs.append(Tab(context, site, is_faulty=is_faulty))
        if starts:
            tabs[-1].open(hash_text)
        return tabs[-1]

    yield open_one
    for tab in tabs:
        tab.close()
