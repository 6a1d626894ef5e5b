"""Events: how they are suspected, confirmed and cleared, with times that are irregular and tracks that break."""

import json

import numpy as np
import pytest

from slowfast_thermal.config import load_config
from slowfast_thermal.errors import InputError
from slowfast_thermal.export.session import Settings
from slowfast_thermal.live.events import EventSettings, clip_bytes, replay
from tests.conftest import CONFIGS
from tests.live.conftest import LEFT, RIGHT, person

NEAR_LEFT = (0.15, 0.12, 0.35, 0.22)


def lie(watched, start, end, track=1, box=LEFT, step=1.0):
    for second in np.arange(start, end, step):
        watched.see(float(second), (track, 0.9, box))


def test_an_event_is_suspected_then_confirmed_then_cleared(watch):
    watched = watch()
    watched.see(0, (1, 0.1))
    lie(watched, 1, 11)
    for second in range(11, 18):
        watched.see(second, (1, 0.1))
    assert watched.story() == [("new", "suspected", 1), ("update", "confirmed", 4), ("end", "cleared", 16)]
    first, _, last = watched.changes
    assert len({change.id for change in watched.changes}) == 1
    assert (last.start, last.confirmed, last.end) == (1000, 4000, 10000)
    assert (first.confirmed, first.end) == (None, None)


def test_what_soon_passes_is_never_confirmed(watch):
    watched = watch()
    for second in range(6):
        watched.see(second, (1, 0.9 if second in (1, 2) else 0.1))
    assert watched.story() == [("new", "suspected", 1), ("end", "cleared", 3)]


def test_a_dip_shorter_than_the_hold_is_passed_over(watch):
    watched = watch()
    lie(watched, 0, 6)
    for second in range(6, 10):
        watched.see(second, (1, 0.1))
    lie(watched, 10, 14)
    assert [state for _, state, _ in watched.story()] == ["suspected", "confirmed"]


def test_scores_are_smoothed_over_true_times(watch):
    """The same step is seen at 1 and at 20 moments a second, and at irregular ones."""
    rng = np.random.default_rng(0)
    confirmed = []
    for times in (np.arange(0, 30, 1.0), np.arange(0, 30, 0.05), np.sort(rng.uniform(0, 30, 200))):
        watched = watch(smoothing=4.0, threshold=0.6, duration=0.0)
        for second in times:
            watched.see(float(second), (1, 0.9 if second >= 10 else 0.0))
        confirmed.append(watched.changes[0].start / 1000)
    # 0.9 (1 - exp(-t / 4)) reaches 0.6 after 4.4 seconds.
    assert confirmed == pytest.approx([14.4] * 3, abs=1.0)


def test_a_track_that_comes_back_nearby_under_another_number_goes_on(watch):
    watched = watch()
    lie(watched, 0, 6, track=1)
    watched.see(6)
    watched.see(7)
    lie(watched, 8, 12, track=5, box=NEAR_LEFT)
    assert watched.story()[2:] == [("update", "confirmed", 8)]
    assert [change.track for change in watched.changes] == [1, 1, 5]
    assert len({change.id for change in watched.changes}) == 1


def test_one_person_in_two_boxes_raises_one_event(watch):
    watched = watch()
    for second in range(8):
        watched.see(second, (1, 0.9, LEFT), (2, 0.9, NEAR_LEFT))
    assert watched.story() == [("new", "suspected", 0), ("update", "confirmed", 3)]


def test_two_people_apart_raise_two_events(watch):
    watched = watch()
    for second in range(8):
        watched.see(second, (1, 0.9, LEFT), (2, 0.9, RIGHT))
    assert len({change.id for change in watched.changes}) == 2
    assert [change.state for change in watched.changes].count("confirmed") == 2


def test_someone_far_away_does_not_carry_on_an_event(watch):
    watched = watch()
    lie(watched, 0, 6, track=1)
    lie(watched, 7, 16, track=2, box=RIGHT)
    assert {change.id for change in watched.changes if change.track == 2}.isdisjoint(
        {change.id for change in watched.changes if change.track == 1}
    )


def test_a_bystander_who_stands_does_not_end_the_event_of_one_who_is_lost(watch):
    watched = watch()
    lie(watched, 0, 6, track=1)
    watched.see(6, (2, 0.1, NEAR_LEFT))
    lie(watched, 7, 12, track=1)
    assert watched.story() == [("new", "suspected", 0), ("update", "confirmed", 3)]


def test_in_the_cool_down_the_same_person_raises_no_event_but_another_does(watch):
    watched = watch(cool_down=60.0)
    lie(watched, 0, 6, track=1)
    for second in range(6, 13):
        watched.see(second, (1, 0.1))
    for second in range(13, 30):
        watched.see(second, (1, 0.9, LEFT), (2, 0.9, RIGHT))
    assert [(change.track, change.state) for change in watched.changes[3:]] == [(2, "suspected"), (2, "confirmed")]
    # After it who still lies there is an event again.
    for second in range(64, 70):
        watched.see(second, (1, 0.9, LEFT), (2, 0.9, RIGHT))
    assert (watched.changes[-1].track, watched.changes[-1].state) == (1, "confirmed")


def test_an_event_ends_where_the_sensor_was_silent_for_longer_than_the_hold(watch):
    watched = watch(cool_down=0.0)
    lie(watched, 0, 6)
    found = watched.see(100, (1, 0.9))
    assert [(change.type, change.end, change.decided) for change in found] == [
        ("end", 5000, 100000),
        ("new", None, 100000),
    ]


def test_the_same_scores_give_the_same_changes_with_and_without_moments_of_nobody(watch):
    with_nobody, without = watch(), watch()
    for second in range(40):
        lies = 5 <= second < 12 or 14 <= second < 16 or second >= 30
        with_nobody.see(second, *([(1, 0.9)] if lies else []))
        if lies:
            without.see(second, (1, 0.9))
    first, second = (
        [(c.id, c.type, c.state, c.start, c.confirmed, c.end) for c in w.changes] for w in (with_nobody, without)
    )
    assert first == second


def test_sensors_do_not_know_of_each_other(watch):
    watched = watch()
    for second in range(5):
        watched.see(second, (1, 0.9), sensor="hall")
        watched.see(second, (1, 0.9), sensor="room")
    assert sorted({change.sensor for change in watched.changes}) == ["hall", "room"]
    assert len({change.id for change in watched.changes}) == 2


def test_a_clock_that_is_set_back_ends_what_lasted_and_goes_on(watch):
    watched = watch()
    lie(watched, 7200, 7210)
    lie(watched, 3600, 3605)
    assert watched.story()[2] == ("end", "cleared", 7209)
    assert watched.story()[-1] == ("update", "confirmed", 3603)


def test_closing_a_sensor_ends_its_events(watch):
    watched = watch()
    lie(watched, 0, 6)
    changes = watched.tracker.close("hall", 9000)
    assert [(change.type, change.state, change.end, change.decided) for change in changes] == [
        ("end", "cleared", 5000, 9000)
    ]
    assert watched.tracker.close("hall", 9000) == []


def test_memory_does_not_grow_with_the_people_who_came_and_went(watch):
    watched = watch()
    for second in range(3000):
        watched.see(second, (second // 2, 0.9 if second % 40 < 6 else 0.1))
    kind = watched.tracker._sensors["hall"][0]
    assert len(kind.scores) < 100 and len(kind.ended) < 10 and len(kind.events) < 10


def test_a_change_is_a_line_of_json(watch):
    watched = watch()
    lie(watched, 0, 4)
    record = json.loads(json.dumps(watched.changes[-1].as_json()))
    assert record.pop("id").startswith("0-")
    assert record == {
        "type": "update",
        "sensor": "hall",
        "track": 1,
        "class": "fall",
        "state": "confirmed",
        "start": 0,
        "confirmed": 3000,
        "end": None,
        "score": pytest.approx(0.9),
        "box": pytest.approx(list(LEFT)),
        "decided": 3000,
    }


def test_recorded_scores_give_the_changes_of_the_watch(watch):
    watched = watch()
    lie(watched, 0, 8)
    people = [person(second, 1, 0.9) for second in range(8)]
    changes = replay(people, watched.tracker._settings)
    assert changes[:-1] == watched.changes
    assert changes[-1].state == "cleared"


def load(value):
    overrides = ["DATA.PATH_TO_DATA_DIR", ".", "NUM_GPUS", "0", "EVENTS.KINDS", value, "EVENTS.HOLD", "7"]
    return load_config(str(CONFIGS / "SIMULATED.yaml"), overrides)


def test_a_kind_takes_shared_values_unless_it_has_its_own():
    cfg = load("[{'NAME': 'fall', 'CLASSES': ['a', 'b'], 'THRESHOLD': 0.9}, {'NAME': 'walk', 'CLASSES': ['c']}]")
    fall, walk = EventSettings.from_config(cfg, ["a", "b", "c"])
    assert (fall.threshold, fall.hold, fall.classes) == (0.9, 7.0, ("a", "b"))
    assert (walk.threshold, walk.hold) == (cfg.EVENTS.THRESHOLD, 7.0)


@pytest.mark.parametrize(
    "kinds",
    [
        "fall",
        "[{'NAME': 'fall'}]",
        "[{'NAME': 'fall', 'CLASSES': ['a'], 'THRESHOLD': 2}]",
        "[{'NAME': 'x', 'CLASSES': ['a'], 'HOPE': 1}]",
    ],
)
def test_what_is_no_kind_is_refused(kinds):
    with pytest.raises(InputError, match="EVENTS.KINDS is"):
        load(kinds)


@pytest.mark.parametrize(
    "kinds, message",
    [
        ("[{'NAME': 'fall', 'CLASSES': ['lying']}]", "has the class 'lying'"),
        ("[{'NAME': 'x', 'CLASSES': ['a']}, {'NAME': 'x', 'CLASSES': ['b']}]", "'x' twice"),
    ],
)
def test_kinds_that_do_not_fit_the_network_are_refused(kinds, message):
    with pytest.raises(InputError, match=message):
        EventSettings.from_config(load(kinds), ["a", "b"])


def settings_of(**changed):
    node = {"THRESHOLD": 0.5, "DURATION": 3, "HOLD": 10, "COOL_DOWN": 30, "SMOOTHING": 2}
    node["KINDS"] = [{"NAME": "fall", "CLASSES": ["falling"]}]
    return EventSettings.from_config({"EVENTS": {**node, **changed}}, ["falling", "standing"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"THRESHOLD": 7}, "THRESHOLD is 7"),
        ({"THRESHOLD": "high"}, "THRESHOLD is 'high'"),
        ({"DURATION": -3}, "DURATION is -3"),
        ({"HOLD": None}, "HOLD is None"),
        ({"HOLDD": 3}, "has the key HOLDD"),
        ({"KINDS": "walking"}, "must have a list KINDS"),
        ({"KINDS": [{"CLASSES": ["falling"]}]}, "kind 1: give it a NAME"),
        ({"KINDS": [{"NAME": "fall", "CLASSES": []}]}, "kind 1: give it a NAME and a list of CLASSES"),
        ({"KINDS": [{"NAME": "fall", "CLASSES": ["falling"], "TRESHOLD": 0.3}]}, "kind 1 has the key TRESHOLD"),
    ],
)
def test_settings_that_are_none_are_refused(changed, message):
    assert settings_of()[0].threshold == 0.5
    with pytest.raises(InputError, match=message):
        settings_of(**changed)


def test_clips_take_as_many_bytes_as_a_number_says():
    assert clip_bytes(Settings(EVENTS=Settings(CLIP_GIGABYTES=2))) == 2e9
    for wrong in (Settings(), Settings(CLIP_GIGABYTES=0), Settings(CLIP_GIGABYTES="10 GB")):
        with pytest.raises(InputError, match="CLIP_GIGABYTES is .*: give a number above 0"):
            clip_bytes(Settings(EVENTS=wrong))
