"""The page of a real daemon on the simulator: alive, and after it was killed."""

from typing import TYPE_CHECKING

from tests.daemon.conftest import a_world
from tests.web.static.fleet import Story, pair_json
from tests.web.static.site import Site
from tests.web.static.tab import Tab
from tests.web.static.test_page import row

if TYPE_CHECKING:
    from playwright.sync_api import Browser


def test_real_daemon_is_shown_and_what_it_left_when_it_was_killed(browser: "Browser") -> None:
    with a_world({}) as world:
        daemon = world.mirror()
        site = Site(location=("-c", str(world.root / "hammerd.toml")))
        site.start_server()
        try:
            tab = Tab(browser.new_context(), site)
            tab.open()
            tab.wait_for_text(row("test", "state"), "streaming")
            assert tab.text(row("test", "gear")) == "following"
            # The pairs of the other tests have nothing that a real one has not.
            assert pair_json(Story("x"), 0.0).keys() <= world.status().keys()

            daemon.kill()
            daemon.wait()

            tab.wait_for_text("#troubles", f"pid {daemon.pid} is gone")
            assert "no hammerd answers: nobody mends a stream" in tab.text("#troubles")
            assert "below is what it left" in tab.text("#troubles")
            assert tab.text(row("test", "state")) == "wanted up"
            assert tab.text(row("test", "health")) == "unknown"
            assert tab.text(row("test", "lag")) == "unknown"
            tab.page.click(row("test", "open"))
            tab.wait_for_text("#detail .facts", "unknown: no hammerd runs")
            tab.close()
        finally:
            site.close()
