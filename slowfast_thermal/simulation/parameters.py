"""Every parameter of the simulation with its range, by what it describes; `PRIORS` gives them names.

A pair of numbers is a range from which a value is drawn uniformly, a single one a probability or a fixed value.
Lengths are metres, angles degrees, times seconds, temperatures degrees Celsius, image lengths pixels of the sensor.
"""

from dataclasses import dataclass, field, replace

from numpy.random import Generator

Range = tuple[float, float]


def draw(rng: Generator, bounds: Range) -> float:
    return float(rng.uniform(*bounds))


@dataclass(frozen=True)
class CameraPrior:
    """Where the sensor hangs and what its lens does."""

    # Above the floor.
    height: Range = (2.3, 3.1)
    # Of the view from straight down.
    tilt: Range = (0.0, 10.0)
    # From the middle of the room, as part of the way to its walls.
    off_centre: Range = (0.0, 0.35)
    # What the width of the image shows.
    field_of_view: Range = (95.0, 135.0)
    # 1 is a pinhole, 0.5 stereographic, 0 an equidistant fisheye: the image radius is f tan(lens angle) / lens.
    lens: Range = (0.05, 0.6)
    # Shift of the lens's axis from the middle of the image.
    shift: Range = (-1.5, 1.5)


@dataclass(frozen=True)
class RoomPrior:
    """What the room is like when no one is there."""

    # Width and depth.
    size: Range = (3.5, 7.5)
    # Of the floor in the middle.
    celsius: Range = (15.0, 25.0)
    # Change of the floor and walls over the room's width and depth.
    gradient: Range = (-2.5, 2.5)
    # Walls at the ceiling, less those at the floor.
    stratification: Range = (0.0, 1.5)
    # Standard deviation of smooth stains of all surfaces.
    stains: Range = (0.15, 0.5)
    # Rectangles of another floor (tiles, a carpet, a sunlit or ventilated part): how many, and by how much they differ.
    patches: tuple[int, int] = (1, 4)
    patch_celsius: Range = (-3.5, 1.5)
    # Tables, shelves and boxes beside the bed and the seats.
    furniture: tuple[int, int] = (1, 5)
    furniture_celsius: Range = (-2.0, 3.0)
    # Small hot or cold things: lamps, kettles, laptops, cold drinks; a few pixels each.
    things: tuple[int, int] = (0, 3)
    thing_celsius: Range = (-3.0, 20.0)
    # Radiators and windows on walls.
    on_walls: tuple[int, int] = (0, 3)
    on_wall_celsius: Range = (-5.0, 12.0)
    bed: float = 0.8
    bed_height: Range = (0.35, 0.6)
    seats: tuple[int, int] = (1, 3)
    seat_height: Range = (0.4, 0.5)
    # A warm trace of someone who lay or sat there: probability, excess at first, time in which it falls to a third.
    trace: float = 0.25
    trace_celsius: Range = (0.5, 3.0)
    trace_seconds: Range = (20.0, 120.0)


@dataclass(frozen=True)
class BodyPrior:
    """One person. Temperatures are what clothing and skin show above the room, a part of the body each."""

    stature: Range = (1.5, 1.9)
    # Multiplies all thicknesses.
    girth: Range = (0.9, 1.35)
    head: Range = (5.5, 9.5)
    torso: Range = (3.5, 7.5)
    upper_arm: Range = (3.0, 7.0)
    forearm: Range = (3.0, 8.5)
    thigh: Range = (3.0, 7.0)
    shin: Range = (1.5, 6.0)
    foot: Range = (0.5, 5.0)
    # Of all these, by how well dressed and how warm the room is.
    warmth: Range = (0.7, 1.15)
    # Standard deviation of spots within a part.
    texture: Range = (0.3, 1.6)
    # Part of the warmth that a blanket hides.
    blanket: Range = (0.0, 0.7)


@dataclass(frozen=True)
class PeoplePrior:
    """Who is in the room."""

    # Probabilities of one, two, three and four people.
    count: tuple[float, ...] = (0.45, 0.38, 0.12, 0.05)
    # That another person is near, and how near.
    meet: float = 0.5
    distance: Range = (0.3, 1.3)
    # A cat or dog.
    pet: float = 0.1


@dataclass(frozen=True)
class MotionPrior:
    """How people move."""

    # Multiplies the speed of all movements.
    tempo: Range = (0.6, 1.5)
    # Walking, metres a second.
    speed: Range = (0.3, 1.2)
    # Standard deviation of every joint angle from its posture, and of the slow sway.
    spread: Range = (3.0, 10.0)
    sway: Range = (0.3, 2.0)
    # Seconds of a posture that is kept: upright, seated, low, lying.
    upright: Range = (2.0, 10.0)
    seated: Range = (4.0, 25.0)
    low: Range = (2.0, 9.0)
    lying: Range = (4.0, 25.0)
    # Of going from one posture to the next, before the tempo.
    change: Range = (0.9, 2.0)
    # Of a fall.
    fall: Range = (0.45, 1.1)
    # That who lies there moves, instead of lying still.
    restless: float = 0.5


@dataclass(frozen=True)
class SensorPrior:
    """What the sensor adds to the scene."""

    # Standard deviation of the point spread.
    blur: Range = (0.3, 0.65)
    # Standard deviations of the noise from frame to frame, of a pixel's and a column's own offset, and of a frame's.
    noise: Range = (0.12, 0.3)
    pixel_offset: Range = (0.05, 0.25)
    column_offset: Range = (0.0, 0.12)
    frame_offset: Range = (0.0, 0.12)
    # Slow drift of the whole image, and its period.
    drift: Range = (0.0, 0.5)
    drift_seconds: Range = (60.0, 300.0)
    # Readings are multiples of this.
    step: float = 0.1
    # A warm ring where the view ends: probability, radius as part of half the diagonal, width, excess; and what lies behind it.
    ring: float = 0.6
    ring_radius: Range = (0.78, 1.0)
    ring_width: Range = (1.0, 3.5)
    ring_celsius: Range = (0.5, 5.0)
    behind_celsius: Range = (-6.0, 0.0)
    behind_noise: Range = (0.5, 2.5)
    # Pixels that never read.
    dead_pixels: float = 0.2
    dead_count: tuple[int, int] = (1, 4)
    # Probability that a recording loses packets, part of its frames that do, readings of a packet as part of a frame.
    lossy: float = 0.3
    lost_frames: Range = (0.03, 0.15)
    packet: Range = (0.15, 0.35)
    # Time between frames on average. Bursts: frames in quick succession, then a gap.
    interval: Range = (0.12, 0.2)
    jitter: Range = (0.05, 0.35)
    bursts: float = 0.4
    burst_interval: Range = (0.03, 0.06)


@dataclass(frozen=True)
class Parameters:
    """All of it."""

    camera: CameraPrior = field(default_factory=CameraPrior)
    room: RoomPrior = field(default_factory=RoomPrior)
    body: BodyPrior = field(default_factory=BodyPrior)
    people: PeoplePrior = field(default_factory=PeoplePrior)
    motion: MotionPrior = field(default_factory=MotionPrior)
    sensor: SensorPrior = field(default_factory=SensorPrior)


CEILING = Parameters()
CORNER = replace(
    CEILING,
    camera=CameraPrior(
        height=(1.8, 2.8), tilt=(40.0, 70.0), off_centre=(0.8, 0.98), field_of_view=(70.0, 115.0), lens=(0.5, 1.0)
    ),
)
BROAD = replace(
    CEILING,
    camera=CameraPrior(
        height=(1.6, 3.5), tilt=(0.0, 70.0), off_centre=(0.0, 0.95), field_of_view=(60.0, 130.0), lens=(0.1, 1.0)
    ),
)
PRIORS = {"ceiling": CEILING, "corner": CORNER, "broad": BROAD}
