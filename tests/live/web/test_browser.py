"""The page in a browser: what it draws, and that names stay names."""

import html
import shutil
import subprocess

import pytest

from tests.live.web.conftest import NASTY

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [400, 1400])
def test_a_browser_shows_people_events_and_health_and_runs_no_name(page, tmp_path, width):
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path}"]
    options += [f"--window-size={width},4000", "--virtual-time-budget=6000", "--dump-dom"]
    told = subprocess.run([BROWSER, *options, page.url], capture_output=True, text=True, timeout=60, check=True).stdout
    name = html.escape(NASTY, quote=False)
    assert "<title>Watching</title>" in told and told.count("<script>") == 1
    assert f"<h3>{name}</h3>" in told and "<h3>hall</h3>" in told
    assert told.count(f'<span class="name">{name}</span><span>90 %</span>') == 2
    assert told.count("✓ cleared") == 2 and f"fall {name}" in told
    assert "2 sensors for" in told and told.count("0 dropped") == 2
    assert 'aria-label="Actions and events of hall in the last 5 minutes"' in told
