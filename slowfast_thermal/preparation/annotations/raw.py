"""Raw annotations: files `*.jsonl` with one JSON record a line, one for each keyframe.

A record has `data_id` (name of the recording), `data_time` (ms) and `annotations`, see `conversion.Record`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from slowfast_thermal.datasets.records import field
from slowfast_thermal.errors import InputError
from slowfast_thermal.preparation.conversion import Record, Summary, convert
from slowfast_thermal.user_input import LARGEST_WHOLE, RECORDING_NAME, is_recording_name, shortened


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file. Raises InputError where a line is none."""
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            content = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where} is not valid JSON ({error}): correct or remove the line.") from None
        recording = field(content, "data_id", str, where)
        if not is_recording_name(recording):
            raise InputError(
                f"{where}: data_id {shortened(recording)} names a recording file, so it must have {RECORDING_NAME}: rename "
                "the recording."
            )
        time = field(content, "data_time", int, where)
        if not 0 <= time <= LARGEST_WHOLE:
            raise InputError(f"{where}: data_time {time} is no time in milliseconds: correct it or remove the line.")
        annotations = field(content, "annotations", list, where)
        for position, annotation in enumerate(annotations):
            for key, kind in (("bbox", list), ("category", str), ("subcategory", str)):
                field(annotation, key, kind, f"{where}, annotations[{position}]")
        extra = {key: content[key] for key in ("mac_address",) if key in content}
        yield Record(recording, time, None, annotations, extra)


def convert_raw(
    raw_dir: str | Path,
    frames_dir: str | Path,
    output_dir: str | Path,
    *,
    progress: Callable[[Sequence[Path]], Iterable[Path]] = iter,
    **settings,
) -> Summary:
    """Writes `train.json` and `val.json` from the `*.jsonl` files of a folder.

    Args:
        raw_dir: the folder.
        frames_dir, output_dir, settings: see `convert`.
        progress: wraps the loop over the files, for example `tqdm.tqdm`.

    Raises:
        InputError: see `convert`.
    """
    raw_dir = Path(raw_dir)
    if not raw_dir.is_dir():
        raise InputError(f"Folder of raw annotations '{raw_dir}' does not exist: correct its name.")
    paths = sorted(raw_dir.glob("*.jsonl"))
    if not paths:
        raise InputError(f"{raw_dir} holds no *.jsonl file: give the folder of the raw annotations.")
    return convert(
        lambda: [record for path in progress(paths) for record in read_records(path)],
        frames_dir,
        output_dir,
        source=str(raw_dir),
        remedy=f"check that data_id names a recording in {frames_dir}, that data_time is in milliseconds of the recording's "
        "clock, and the class list",
        **settings,
    )
