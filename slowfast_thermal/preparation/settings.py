"""How training would read a data set, for the tools that look at it without training."""

from dataclasses import dataclass
from pathlib import Path

from slowfast_thermal import pyslowfast
from slowfast_thermal.datasets.recordings import Recording
from slowfast_thermal.preparation.overlap import ClipLength


@dataclass(frozen=True)
class DataSettings:
    """What a run's configuration says of its data, key by key of node THERMAL.

    Attributes:
        frames_dir: FRAMES_DIR.
        recordings: for "train" and "val", TRAIN_RECORDINGS and TEST_RECORDINGS.
        unit: UNIT.
        valid_range: VALID_RANGE, degrees Celsius.
        temperature_range: TEMPERATURE_RANGE, degrees Celsius.
        fill_temperature: FILL_TEMPERATURE, degrees Celsius.
        accepted: ACCEPT_PROBLEMS.
        packet_length: PACKET_LENGTH, None where REPAIR_FRAMES is off.
        session_pattern: SESSION_PATTERN; a recording that it does not fit is a session of its own.
        clip: of what is looked at around a keyframe.
    """

    frames_dir: str
    recordings: dict[str, list[str]]
    unit: str
    valid_range: tuple[float, float]
    temperature_range: tuple[float, float]
    fill_temperature: float
    accepted: tuple[str, ...]
    packet_length: int | None
    session_pattern: str
    clip: ClipLength

    @classmethod
    def from_config(cls, cfg) -> "DataSettings":
        """The settings of a run."""
        node = cfg.THERMAL
        return cls(
            node.FRAMES_DIR,
            {"train": list(node.TRAIN_RECORDINGS), "val": list(node.TEST_RECORDINGS)},
            node.UNIT,
            tuple(node.VALID_RANGE),
            tuple(node.TEMPERATURE_RANGE),
            node.FILL_TEMPERATURE,
            tuple(node.ACCEPT_PROBLEMS),
            node.PACKET_LENGTH if node.REPAIR_FRAMES else None,
            node.SESSION_PATTERN,
            ClipLength.of(cfg),
        )

    @classmethod
    def default(cls) -> "DataSettings":
        """The settings of a run that changes none."""
        return cls.from_config(pyslowfast.get_cfg())

    def open(self, path: str | Path) -> Recording:
        """Opens a recording. Raises InputError if it cannot be read."""
        return Recording(Path(path), self.valid_range, self.fill_temperature, self.unit, self.packet_length)
