"""What the page remembers is bounded."""

from slowfast_thermal.live.events import EventChange
from slowfast_thermal.live.web import recent as recent_module
from slowfast_thermal.live.web.recent import KEPT, Recent
from tests.live.conftest import person


def event(number, type="new", confirmed=None):
    state = "cleared" if type == "end" else "suspected" if confirmed is None else "confirmed"
    box = (0.1, 0.1, 0.3, 0.2)
    return EventChange(type, f"id{number}", "hall", 1, "fall", state, number, confirmed, None, 0.9, box, number)


def test_the_strongest_action_of_each_person_is_kept_for_minutes():
    recent = Recent()
    for second in range(KEPT // 1000 + 100):
        recent.add_people("hall", 1000 * second, [person(second, 1, 0.1), person(second, 2, 0.9)])
    moments = recent.moments("hall")
    assert [moment.time // 1000 for moment in moments] == list(range(99, KEPT // 1000 + 100))
    assert [(track, name) for track, name, _ in moments[-1].actions] == [(1, "standing"), (2, "lying")]


def test_the_number_of_moments_is_bounded_at_any_rate():
    recent = Recent()
    for time in range(2000):
        recent.add_people("hall", time, [])
    assert len(recent.moments("hall")) == recent_module._MOST_MOMENTS


def test_a_clock_that_is_set_back_begins_anew():
    recent = Recent()
    for second in (100, 101, 50):
        recent.add_people("hall", 1000 * second, [])
    assert [moment.time for moment in recent.moments("hall")] == [50_000]


def test_a_suspicion_that_came_to_nothing_is_forgotten():
    recent = Recent()
    recent.add_change(event(1))
    recent.add_change(event(2, "update", confirmed=3))
    recent.add_change(event(1, "end"))
    assert [change.id for change in recent.events()] == ["id2"]


def test_of_too_many_events_those_that_last_stay():
    recent = Recent()
    recent.add_change(event(0, "update", confirmed=1))
    for number in range(1, 500):
        recent.add_change(event(number, "update", confirmed=number))
        recent.add_change(event(number, "end", confirmed=number))
    events = recent.events()
    assert len(events) == recent_module._MOST_EVENTS
    assert events[-1].id == "id0" and events[0].id == "id499" and not recent.has_event("id1")
