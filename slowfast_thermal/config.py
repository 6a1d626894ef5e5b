"""Every configuration key that this project adds to PySlowFast's, and how a run's configuration is read."""

import difflib
import functools
from collections.abc import Sequence

from fvcore.common.config import CfgNode

from slowfast_thermal import pyslowfast, weights
from slowfast_thermal.config_files import find_configuration, read_with_bases
from slowfast_thermal.config_relations import check_together
from slowfast_thermal.config_values import checked, leaves
from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import shortened

# Characters of a key that can be meant.
_LONGEST_NAME = 100


def add_thermal_config(cfg: CfgNode) -> None:
    """Adds the project's keys, each with its meaning and default, to PySlowFast's defaults."""
    _add_thermal_node(cfg)
    _add_interaction_node(cfg)
    _add_speed_node(cfg)
    _add_events_node(cfg)
    # Weight from 0 to 1 of trees on simple features in the scores of a test: 0 is the network alone, 0.5 the mean of both, 1
    # the trees alone, for which no network is trained.
    cfg.MODEL.TREES_WEIGHT = 0.0
    # How the fast pathway joins the slow one: a convolution with "norm", batch norm and ReLU (PySlowFast, PyTorchVideo),
    # with a "bias" (AlphAction), or the "conv" alone (MMAction2).
    cfg.SLOWFAST.LATERAL = "norm"
    # Pixels by which the stem's max-pool pads each side (AlphAction: 0).
    cfg.RESNET.STEM_POOL_PADDING = 1
    # Iterations that count as one epoch of SOLVER.*, TRAIN.EVAL_PERIOD and TRAIN.CHECKPOINT_PERIOD.
    # 0: one pass over the training keyframes.
    cfg.SOLVER.EPOCH_ITERS = 0
    # Seconds after which a process of the run that does not come, or does not answer, counts as lost.
    cfg.DIST_TIMEOUT = 600.0


def _add_thermal_node(cfg: CfgNode) -> None:
    cfg.THERMAL = CfgNode()
    # Folder of the recordings, one HDF5 file each, inside DATA.PATH_TO_DATA_DIR.
    cfg.THERMAL.FRAMES_DIR = "frames"
    # Annotation files (JSON) for training and for validation and test, inside DATA.PATH_TO_DATA_DIR.
    cfg.THERMAL.TRAIN_ANNOTATIONS = ["annotations/train.json"]
    cfg.THERMAL.TEST_ANNOTATIONS = ["annotations/val.json"]
    # Only keyframes of recordings whose name matches one of these patterns (as of a shell) are used.
    cfg.THERMAL.TRAIN_RECORDINGS = ["*"]
    cfg.THERMAL.TEST_RECORDINGS = ["*"]
    # Unit of the temperatures in recordings that do not say it themselves by an attribute: celsius, kelvin, fahrenheit, or
    # celsius or kelvin in tenths (deci...), hundredths (centi...) or thousandths (milli...). Empty: floating point
    # numbers are degrees Celsius, and whole numbers are refused.
    cfg.THERMAL.UNIT = ""
    # Readings in degrees Celsius that a sensor can give; any other stands for "no reading".
    cfg.THERMAL.VALID_RANGE = [-40.0, 300.0]
    # Temperature in degrees Celsius of a pixel that never gave a reading in the whole recording.
    cfg.THERMAL.FILL_TEMPERATURE = 20.0
    # Put frames right of which the sensor's link lost packets: readings behind a lost packet stand too early in the file.
    cfg.THERMAL.REPAIR_FRAMES = True
    # Readings of a packet of the link; 0 learns it from the frames of each recording.
    cfg.THERMAL.PACKET_LENGTH = 0
    # Window in degrees Celsius that is scaled to [0, 1]; temperatures outside are clamped to it.
    cfg.THERMAL.TEMPERATURE_RANGE = [10.0, 35.0]
    # Kinds of problems, of those that `tools/thermal_data.py validate` finds, with which a run starts all the same: times,
    # temperatures, sizes, overlap.
    cfg.THERMAL.ACCEPT_PROBLEMS = []
    # Height and width in pixels to which the network resizes a clip.
    cfg.THERMAL.INPUT_SIZE = [256, 384]
    # Seconds that a clip spans: its frames are those nearest to DATA.NUM_FRAMES * DATA.SAMPLING_RATE times at equal steps, and
    # a step counts where else a frame does. 0: so many consecutive frames, whatever their times.
    cfg.THERMAL.CLIP_SECONDS = 0.0
    # Where in its clip the keyframe lies, from 0 for the first frame to 1 for the last one. Trees look 16 seconds times what is
    # left of 1 ahead. The later it lies, the sooner something is known of what happens now.
    cfg.THERMAL.KEYFRAME_POSITION = 0.5
    # The network's input channels: "temperature"; the temperature "less_median" of the frame, "less_background", which is the
    # pixel's 20th percentile over 100 frames of the recording, or as a "difference" to DIFFERENCE_SECONDS earlier; and last, for
    # PERSON_CROPS, a "box_mask". The temperature alone is repeated as DATA.INPUT_CHANNEL_NUM says; else DATA.MEAN and DATA.STD
    # have a value a channel, in parts of TEMPERATURE_RANGE.
    cfg.THERMAL.CHANNELS = ["temperature"]
    # Seconds between the two frames of a "difference"; the earlier one is the frame nearest to that time.
    cfg.THERMAL.DIFFERENCE_SECONDS = 0.5
    # Numbers that join a person's pooled feature: "none", the box's "size", or "size_and_place", with which trees look at the
    # place too. The place only tells something as long as the sensor stays where it is. With OUTWARD_UP a network's place is
    # the distance from the middle of the image.
    cfg.THERMAL.BOX_FEATURES = "none"
    # Show the network a window around each person (and object) in place of the whole frame and RoIAlign. The window has the
    # box's centre and the shape of INPUT_SIZE, to which it is scaled.
    cfg.THERMAL.PERSON_CROPS = CfgNode()
    cfg.THERMAL.PERSON_CROPS.ENABLE = False
    # What SIZE counts: "pixel", the window's height in sensor pixels; "box", by how much the smallest window grows that holds
    # the box.
    cfg.THERMAL.PERSON_CROPS.UNIT = "pixel"
    cfg.THERMAL.PERSON_CROPS.SIZE = 24.0
    # Turn each window so that the way from the middle of the image to the person points up: whoever stands below a sensor that
    # looks down has the head there.
    cfg.THERMAL.PERSON_CROPS.OUTWARD_UP = False
    # Memory in GiB for decoded recordings, shared by the workers of a loader; 0 reads every clip from its file.
    cfg.THERMAL.CACHE_GIB = 4.0
    # How loader workers start: "fork", "spawn", or "" for Python's own choice.
    cfg.THERMAL.WORKER_START_METHOD = ""
    # Where the boxes of validation and test come from; training takes the annotated ones. "annotated"; "file", TEST_DETECTIONS;
    # "blobs", people found as warm blobs and followed through the whole recording, with nothing trained, all of them at the
    # keyframe, whatever their score; "detector", the same with people whom PEOPLE_CHECKPOINT finds. Empty: the file if there
    # is one, else the annotated boxes.
    cfg.THERMAL.PEOPLE = ""
    # Checkpoint of a ThermalPersonDetector.
    cfg.THERMAL.PEOPLE_CHECKPOINT = ""
    # The network ThermalPersonDetector: height in pixels to which the shorter side of a frame is scaled, channels of the
    # backbone at strides 1, 2, 4, 8 and 16, and of what the head reads.
    cfg.THERMAL.DETECTOR = CfgNode()
    cfg.THERMAL.DETECTOR.HEIGHT = 80
    cfg.THERMAL.DETECTOR.WIDTHS = [16, 32, 64, 96, 128]
    cfg.THERMAL.DETECTOR.DIM = 64
    # File of detected people to classify at test time instead of the annotated boxes: CSV as AVA's
    # predicted boxes, or JSON as COCO's results. AVA.DETECTION_SCORE_THRESH applies.
    cfg.THERMAL.TEST_DETECTIONS = ""
    # Moves all annotated boxes by x and y, divided by the image size, where they lie beside the warm people: `stats` tells.
    cfg.THERMAL.BOX_SHIFT = [0.0, 0.0]
    # Fractions of width and height by which a box is enlarged at test time before its features are pooled.
    cfg.THERMAL.TEST_BOX_ENLARGE = [0.0, 0.0]
    # A class with n training boxes weighs n to the power of minus this in softmax losses, 0 weighs all
    # classes the same. The mean weight over the training boxes is 1.
    cfg.THERMAL.CLASS_WEIGHT_POWER = 0.5
    # In training a keyframe whose rarest class has n boxes comes n to the power of minus this times as often as one with a
    # single box: at 0.5 classes come by the square roots of their counts. 0: every keyframe once a pass.
    cfg.THERMAL.CLASS_SAMPLING_POWER = 0.0
    # Exponent of the focal loss (Lin et al., arXiv:1708.02002), for MODEL.LOSS_FUNC focal.
    cfg.THERMAL.FOCAL_GAMMA = 2.0
    # Matches a recording's whole name; its first group is the session. Recordings of a session lie on one clock and may hold
    # the same frames.
    cfg.THERMAL.SESSION_PATTERN = r"(.+)_R.*"
    # Put beside each test what trees on people's boxes and on simple features reach on it when they are fitted to the same
    # training keyframes.
    cfg.THERMAL.BASELINES = True
    # Bootstrap samples, of stretches of 10 seconds, for the intervals of scores.
    cfg.THERMAL.BOOTSTRAP_SAMPLES = 1000
    # Groups of classes that a test scores as well, each a list of its name and its classes.
    cfg.THERMAL.CLASS_GROUPS = []

    # Training augmentations. Each is off at False or 0.
    cfg.THERMAL.AUG = CfgNode()
    # Mirror half of the clips left to right.
    cfg.THERMAL.AUG.FLIP = True
    # Start the slow pathway at a random frame of its first stride.
    cfg.THERMAL.AUG.SLOW_JITTER = True
    # Largest shift of the clip in frames, with CLIP_SECONDS in its steps, either way.
    cfg.THERMAL.AUG.TEMPORAL_SHIFT = 2
    # Standard deviation of the shift of each box edge, as a fraction of the box size.
    cfg.THERMAL.AUG.BOX_JITTER = 0.05
    # Largest part of the height and width that a random crop cuts off. The clips of a batch are cut to the same size, at
    # different places, so that the network scales them up to its input in one go.
    cfg.THERMAL.AUG.CROP = 0.2
    # Largest offset added to all temperatures of a clip, in degrees Celsius, either way.
    cfg.THERMAL.AUG.TEMPERATURE_OFFSET = 1.0
    # Largest relative change of a clip's contrast around its mean temperature, either way.
    cfg.THERMAL.AUG.TEMPERATURE_GAIN = 0.1
    # For PERSON_CROPS: the largest angle in degrees by which the windows of a clip are turned, either way; 180 where the sensor
    # looks down and every direction is alike.
    cfg.THERMAL.AUG.ROTATION = 0.0
    # For PERSON_CROPS: by how much the windows grow or shrink at most, as a fraction; for a detector, by how much a part
    # of the frame is enlarged.
    cfg.THERMAL.AUG.SCALE = 0.0
    # For PERSON_CROPS: by how much the windows are moved at most in each direction, as a fraction of their size.
    cfg.THERMAL.AUG.SHIFT = 0.0

    # Simulated people, for TRAIN.DATASET thermal_simulated.
    cfg.THERMAL.SIMULATION = CfgNode()
    # Part of the training clips that are simulated; the others are those of TRAIN_ANNOTATIONS.
    cfg.THERMAL.SIMULATION.SHARE = 1.0
    # Where the simulated sensors hang: a name in `simulation.parameters.PRIORS`.
    cfg.THERMAL.SIMULATION.PRIOR = "ceiling"
    # Height and width of simulated frames in pixels; among real clips they have the size of those.
    cfg.THERMAL.SIMULATION.FRAME_SIZE = [40, 60]
    # Pairs of a simulated class and the network's own one; people of simulated classes that are not named are left out.
    # Empty: classes of the same name are the same.
    cfg.THERMAL.SIMULATION.CLASS_MAP = []


def _add_interaction_node(cfg: CfgNode) -> None:
    """Interaction aggregation (Tang et al., arXiv:2004.07485); the defaults are AlphAction's."""
    cfg.IA = CfgNode()
    # Judge people together with the people, objects and past around them. Off: PySlowFast's RoI head.
    cfg.IA.ENABLE = False
    # How blocks are connected: "serial", "dense_serial" or "parallel".
    cfg.IA.STRUCTURE = "dense_serial"
    # The blocks: P attends to the people of the clip, O to its objects, M to people in the seconds around
    # it. A list for the serial structures; a list of layers, [[P, M], [P, M]], for the parallel one.
    # An empty list: no interactions, which with CLASSIFIER mlp is AlphAction's baseline.
    cfg.IA.BLOCKS = ["P", "M", "P", "M"]
    # People of a clip that are attended to.
    cfg.IA.MAX_PERSONS = 25
    # Objects of a clip that are attended to; those with the highest score, then the largest, are kept.
    cfg.IA.MAX_OBJECTS = 5
    # People of one second of memory that are attended to.
    cfg.IA.MAX_PER_SECOND = 5
    # Seconds of memory before and after the keyframe's own.
    cfg.IA.MEMORY_WINDOW = [30, 30]
    # Channels inside the blocks.
    cfg.IA.DIM_INNER = 1024
    # Channels of the result; FUSION add needs as many as a person's pooled feature has.
    cfg.IA.DIM_OUT = 2304
    # How the result joins a person's own feature: "add" or "concat".
    cfg.IA.FUSION = "add"
    # What classifies: PySlowFast's single "projection", or "mlp", which puts AlphAction's two layers of
    # 1024 channels before it.
    cfg.IA.CLASSIFIER = "mlp"
    # Dropout probability inside the structure; MODEL.DROPOUT_RATE is that before the classifier's last layer.
    cfg.IA.DROPOUT = 0.2
    # Normalise what a block finds.
    cfg.IA.LAYER_NORM = True
    # Give each second of memory a learned position.
    cfg.IA.TEMPORAL_POSITION = True
    # Start with blocks that add nothing.
    cfg.IA.ZERO_INIT = True
    # Scale remembered features by the ratio of the loss when they were stored and the last loss, the smaller
    # by the larger.
    cfg.IA.PENALTY = True
    # Leave rows of no one out of the softmax. AlphAction's released weights expect them in it.
    cfg.IA.MASK_ABSENT = False
    # The interaction parameters learn at this multiple of the learning rate,
    cfg.IA.LR_FACTOR = 10.0
    # and their biases at this multiple of that.
    cfg.IA.BIAS_LR_FACTOR = 2.0


def _add_speed_node(cfg: CfgNode) -> None:
    """What changes how fast a result comes and not, but for rounding, what it is. TRAIN.MIXED_PRECISION does too."""
    cfg.SPEED = CfgNode()
    # Keep the channels of a pixel together in memory, which 3D convolutions are fastest with.
    cfg.SPEED.CHANNELS_LAST = True
    # Let convolutions do the work of batch norms that are frozen, or in evaluation.
    cfg.SPEED.FOLD_NORM = True
    # Sum the stem's weights over the three equal input channels, where DATA.MEAN and DATA.STD are equal too.
    cfg.SPEED.FOLD_CHANNELS = True
    # Update all parameters of a group in one kernel.
    cfg.SPEED.FUSED_OPTIMIZER = True
    # Compile the backbone's stages with torch.compile, which takes minutes at the start.
    cfg.SPEED.COMPILE = False
    # Keep only the features between the backbone's stages for the backward pass and compute the rest again: less
    # memory, a third more time. For MODEL.FROZEN_BN, as batch norm would count each batch twice.
    cfg.SPEED.ACTIVATION_CHECKPOINTS = False
    # Keep the recordings in the memory of the run's device and cut the clips there, without loader workers.
    cfg.SPEED.RECORDINGS_ON_DEVICE = False


def _add_events_node(cfg: CfgNode) -> None:
    """Events of people who are watched; docs/live.md says how they come and go."""
    cfg.EVENTS = CfgNode()
    # Kinds of events, each {NAME: ..., CLASSES: [...]}: the score of a kind is that of its classes together. It may have
    # values of its own for the keys below. Empty: there are no events.
    cfg.EVENTS.KINDS = []
    # Smoothed score from which on an event is suspected.
    cfg.EVENTS.THRESHOLD = 0.5
    # Seconds of the threshold or more after which it is confirmed.
    cfg.EVENTS.DURATION = 3.0
    # Seconds of less after which an event that was confirmed is cleared.
    cfg.EVENTS.HOLD = 10.0
    # Seconds after the end of an event in which the same person, or one near, raises no other of the kind.
    cfg.EVENTS.COOL_DOWN = 30.0
    # Time constant in seconds of the exponential average of scores; 0 for none.
    cfg.EVENTS.SMOOTHING = 2.0
    # Gigabytes that clips of events may take; where it is more the oldest ones are removed.
    cfg.EVENTS.CLIP_GIGABYTES = 10.0


def load_config(path: str, overrides: Sequence[str], own: Sequence[str] = ()) -> CfgNode:
    """PySlowFast's defaults with the YAML file `path` (and its `_BASE_`) and `KEY VALUE ...` merged in.

    Where there is no such file, `path` may name one that comes with the package, such as `Thermal/DEMO.yaml`. `own` are pairs of
    the program, which hold whatever the user's overrides say.

    Raises:
        InputError: no such file, no valid YAML, an unknown key, a value that does not suit its key, or values
            that exclude each other.
    """
    cfg = pyslowfast.get_cfg()
    files = read_with_bases(find_configuration(path))
    if len(overrides) % 2:
        raise InputError(f"'{overrides[-1]}' has no value: give overrides as KEY VALUE pairs.")
    defaults = leaves(cfg)
    for file, values in files:
        for name, value in leaves(values).items():
            _check_name(name, value, defaults, str(file))
            try:
                _set(cfg, name, checked(name, value, defaults[name]))
            except InputError as error:
                raise InputError(f"{file}: {error}") from None
    overrides = [*overrides, *own]
    for name, value in zip(overrides[::2], overrides[1::2]):
        _check_name(name, value, defaults, "The command line")
        _set(cfg, name, checked(name, value, defaults[name]))
    for name, value in leaves(cfg).items():  # PySlowFast's own defaults are of other networks
        checked(name, value, defaults[name])
    for node in (cfg.TRAIN, cfg.TEST):
        node.CHECKPOINT_FILE_PATH = weights.resolve(node.CHECKPOINT_FILE_PATH)
    check_together(cfg)
    pyslowfast.scale_learning_rate(cfg)
    return cfg


def _check_name(name: str, value: object, defaults: dict[str, object], origin: str) -> None:
    if name in defaults:
        return
    inside = next((key for key in defaults if key.startswith(f"{name}.")), None)
    if inside:
        raise InputError(
            f"{origin} sets {name} to {shortened(value)}, but {name} is a node of keys: name one of them, such as {inside}."
        )
    nearest = difflib.get_close_matches(name[:_LONGEST_NAME], defaults, n=1, cutoff=0.0)[0]
    raise InputError(f"{origin} sets the key {shortened(name)}, which does not exist: did you mean '{nearest}'?")


def _set(cfg: CfgNode, name: str, value: object) -> None:
    *nodes, key = name.split(".")
    functools.reduce(getattr, nodes, cfg)[key] = value


pyslowfast.extend_config(add_thermal_config)
