"""A watch of people who are warm blobs, scored by a rule, so that nothing needs to be trained."""

import io
import threading

import numpy as np
import pytest

from slowfast_thermal.live.events import EventSettings, EventTracker
from slowfast_thermal.live.frames import Frame, encode
from slowfast_thermal.live.sinks import EventSinks
from slowfast_thermal.live.sources import Stream
from slowfast_thermal.live.watch import Watcher
from slowfast_thermal.live.web.recent import Recent
from slowfast_thermal.live.web.server import WebPage
from slowfast_thermal.live.web.view import View
from slowfast_thermal.live.window import ReadingSettings
from slowfast_thermal.people.blobs import BlobFinder
from tests.live.watching import Rule

NASTY = "<script>document.title='taken'</script>\"&'"
START = 1_700_000_000_000


def frames_of(sensor, seconds=30, height=40, width=60):
    """Someone 12 degrees warmer than the room, who walks to the right."""
    generator = np.random.default_rng(0)
    for number in range(4 * seconds):
        temperatures = 18 + generator.normal(0, 0.1, (height, width))
        if number >= 8:
            left = 5 + number * (width - 20) // (4 * seconds)
            temperatures[15:25, left : left + 8] = 30
        yield Frame(sensor, START + 250 * number, temperatures.astype(np.float32))


class Watched:
    """A watch with all that its page needs."""

    def __init__(self, folder):
        self.recent, self.changes = Recent(), []
        kinds = [EventSettings("fall " + NASTY, (NASTY,), 0.5, 2.0, 5.0, 20.0, 0.0)]
        reading = ReadingSettings((0.0, 60.0), 18.0, None)
        self.watcher = Watcher(
            Rule({"standing": 0.1, NASTY: 0.9}),
            BlobFinder,
            reading,
            EventTracker(kinds),
            on_people=self.recent.add_people,
        )
        self.watcher.sinks = EventSinks(folder, on_change=self._note_change)
        self.view = View(self.watcher, self.recent, folder / "clips")

    def _note_change(self, change):
        self.changes.append(change)
        self.recent.add_change(change)

    def of(self, sensor):
        """What became of the events of a sensor."""
        return [change for change in self.changes if change.sensor == sensor]

    def run(self, *sensors, **settings):
        frames = [frame for rows in zip(*(frames_of(name, **settings) for name in sensors)) for frame in rows]
        self.watcher.run([Stream(io.BytesIO(b"".join(map(encode, frames))))])
        return self

    def start(self, *sensors, **settings):
        """Runs in a thread of its own."""
        thread = threading.Thread(target=self.run, args=sensors, kwargs=settings)
        thread.start()
        return thread


@pytest.fixture
def new_watch(tmp_path):
    return lambda: Watched(tmp_path / "watch")


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A watch of two sensors that has ended."""
    return Watched(tmp_path_factory.mktemp("watched")).run("hall", NASTY)


@pytest.fixture(scope="module")
def page(watched):
    """Its page."""
    with WebPage("127.0.0.1:0", None, watched.view) as page:
        yield page
