import io

import pytest
import torch

from slowfast_thermal.models.feature_bank import FeatureBank

pytestmark = pytest.mark.usefixtures("on_device")
DIM, PER_SECOND, WINDOW = 3, 2, (2, 3)
SECONDS = list(range(-WINDOW[0], WINDOW[1] + 1))


def new_bank(recordings=("A", "B"), penalty=False):
    return FeatureBank(list(recordings), WINDOW, PER_SECOND, DIM, penalty, torch.get_default_device())


def on_cpu(numbers):
    """Keyframes and clips, which a bank is given there wherever it lies."""
    return torch.tensor(numbers, dtype=torch.int64, device="cpu")


def store(bank, recording, timestamp, *people, loss=1.0):
    """Stores a keyframe whose people have features of one repeated number."""
    features = torch.tensor(people).view(-1, 1).expand(-1, DIM)
    metadata = on_cpu([[recording, timestamp]] * len(people))
    bank.update(metadata, on_cpu([0] * len(people)), features, torch.tensor(loss))


def around(bank, recording, timestamp):
    """The remembered numbers by second before (-) and after the keyframe."""
    memory = bank.read(on_cpu([[recording, timestamp]]), on_cpu([0]), 1)
    assert memory.shape == (1, len(SECONDS), PER_SECOND, DIM)
    people = {second: rows[rows != 0].tolist() for second, rows in zip(SECONDS, memory[0, ..., 0])}
    return {second: numbers for second, numbers in people.items() if numbers}


def test_people_stand_in_the_second_of_their_timestamp():
    bank = new_bank()
    for timestamp, number in ((7_999, 1.0), (8_000, 2.0), (9_999, 3.0), (11_000, 4.0), (13_999, 5.0), (14_000, 6.0)):
        store(bank, 0, timestamp, number)
    assert around(bank, 0, 10_500) == {-2: [2.0], -1: [3.0], 1: [4.0], 3: [5.0]}


def test_a_recording_remembers_nothing_of_another():
    bank = new_bank()
    store(bank, 0, 9_000, 1.0)
    assert around(bank, 1, 10_000) == {}


def test_a_keyframes_own_second_is_left_empty():
    bank = new_bank()
    store(bank, 0, 10_100, 1.0)
    assert around(bank, 0, 10_900) == {}


def test_keyframes_of_one_second_stand_in_the_order_of_time_however_they_came():
    keyframes = [(9_300, [1.0]), (9_100, [2.0]), (9_200, [3.0])]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        bank = new_bank()
        for place in order:
            store(bank, 0, keyframes[place][0], *keyframes[place][1])
        assert around(bank, 0, 10_000) == {-1: [2.0, 3.0]}


def test_a_keyframe_that_comes_again_takes_the_place_of_its_earlier_self():
    bank = new_bank()
    store(bank, 0, 9_000, 1.0, 2.0)
    store(bank, 0, 9_000, 3.0)
    assert around(bank, 0, 10_000) == {-1: [3.0]}


def test_a_keyframe_twice_in_a_batch_is_stored_once():
    bank = new_bank()
    metadata = on_cpu([[0, 9_000], [0, 9_500], [0, 9_000]])
    bank.update(metadata, on_cpu([2, 1, 0]), torch.tensor([[1.0], [2.0], [3.0]]).expand(-1, DIM))
    assert around(bank, 0, 10_000) == {-1: [1.0, 2.0]}


def test_each_clip_of_a_batch_reads_its_own_surroundings():
    bank = new_bank()
    store(bank, 0, 9_000, 1.0)
    store(bank, 1, 51_000, 2.0)
    metadata = on_cpu([[1, 50_000], [0, 10_000], [0, 10_000]])
    memory = bank.read(metadata, on_cpu([0, 1, 1]), 2)
    assert memory[0, SECONDS.index(1), 0].tolist() == [2.0] * DIM and memory[0].count_nonzero() == DIM
    assert memory[1, SECONDS.index(-1), 0].tolist() == [1.0] * DIM and memory[1].count_nonzero() == DIM


@pytest.mark.parametrize("old, new, weight", [(4.0, 1.0, 0.25), (1.0, 4.0, 0.25), (2.0, 2.0, 1.0), (0.0, 0.0, 1.0)])
def test_stale_people_count_by_the_ratio_of_the_losses(old, new, weight):
    bank, unweighted = new_bank(penalty=True), new_bank()
    for each in (bank, unweighted):
        store(each, 0, 9_000, 1.0, loss=old)
        store(each, 0, 99_000, 1.0, loss=new)
    assert around(bank, 0, 10_000) == {-1: [weight]}
    assert around(unweighted, 0, 10_000) == {-1: [1.0]}


def test_what_is_stored_has_no_gradient_and_does_not_change_with_its_source():
    bank = new_bank()
    features = torch.ones(1, DIM, requires_grad=True)
    bank.update(on_cpu([[0, 9_000]]), on_cpu([0]), features)
    with torch.no_grad():
        features.fill_(5)
    assert around(bank, 0, 10_000) == {-1: [1.0]}


def saved_and_loaded(bank):
    file = io.BytesIO()
    torch.save(bank.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize(
    "stored", [[], [(0, 9_000, 1.0, 2.0), (1, 9_500, 3.0), (0, 8_000, 4.0)]], ids=["empty", "full"]
)
def test_a_checkpoint_brings_back_what_was_remembered(stored):
    bank, other = new_bank(penalty=True), new_bank(penalty=True)
    store(other, 0, 11_000, 9.0)
    for loss, keyframe in enumerate(stored, start=1):
        store(bank, *keyframe, loss=float(loss))
    other.load_state_dict(saved_and_loaded(bank))
    assert all(around(other, place, 10_000) == around(bank, place, 10_000) for place in (0, 1))
    state, other_state = bank.state_dict(), other.state_dict()
    assert state.pop("recordings") == other_state.pop("recordings") == ["A", "B"]
    torch.testing.assert_close(other_state, state, rtol=0, atol=0)


def test_recordings_are_found_again_by_name():
    bank, other = new_bank(["A", "B"]), new_bank(["0", "B", "C"])
    store(bank, 0, 9_000, 1.0)
    store(bank, 1, 9_000, 2.0)
    other.load_state_dict(saved_and_loaded(bank))
    assert [around(other, place, 10_000) for place in range(3)] == [{}, {-1: [2.0]}, {}]


@pytest.mark.parametrize(
    "key, value",
    [
        ("features", torch.zeros(2, 4)),
        ("features", torch.zeros(9, 3)),
        ("features", torch.zeros(2, 3, dtype=torch.int64)),
        ("keyframes", torch.tensor([[5, 1000]])),
        ("keyframes", torch.zeros(1, 3, dtype=torch.int64)),
        ("num_persons", [-2]),
        ("num_persons", [2.0]),
        ("losses", []),
        ("losses", [float("inf")]),
        ("last_loss", "x"),
        ("last_loss", None),
        ("recordings", [1]),
    ],
)
def test_what_is_no_memory_of_such_features_is_refused_and_changes_nothing(key, value):
    bank = FeatureBank(["A", "B"], (1, 1), 2, 3)
    bank.update(torch.tensor([[1, 1000], [1, 1000]]), torch.tensor([0, 0]), torch.ones(2, 3))
    state = bank.state_dict()
    with pytest.raises(ValueError, match=f"its '{key}' "):
        bank.load_state_dict(state | {key: value})
    with pytest.raises(ValueError, match=f"it has no '{key}'|'{key}' is \\[None\\]"):
        bank.load_state_dict({other: kept for other, kept in state.items() if other != key})
    torch.testing.assert_close(bank.state_dict()["features"], state["features"])
