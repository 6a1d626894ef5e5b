#!/usr/bin/env python3
"""How well people keep their identities in simulated rooms with two to four people: projects/thermal_action/tracks.py

Prints MOTA, IDF1 and identity switches (motmetrics, a match is an IoU of 0.5) of tracks through a minute of each of 20 rooms, from
two kinds of boxes: true ones with noise, a tenth of them missing, and those of blobs. From time to time frames of 1 or 3 seconds
are lost.
"""

import motmetrics
import numpy as np

from slowfast_thermal.people.background import still_background
from slowfast_thermal.people.blobs import BlobFinder
from slowfast_thermal.people.finder import FoundPeople
from slowfast_thermal.people.tracks import box_overlap, track_recording
from slowfast_thermal.simulation.parameters import PRIORS
from slowfast_thermal.simulation.scenes import Place, Scene, long_scene

ROOMS, SECONDS, HEIGHT, WIDTH = 20, 60.0, 40, 60
# Every so many seconds a gap begins.
GAP_PERIOD = 15.0
# Of the boxes of a good detector: noise of an edge in pixels, and share of people missing.
NOISE, MISSING = 0.4, 0.1


def company(rng: np.random.Generator) -> Scene:
    """A room with two people or more."""
    while True:
        scene = long_scene(rng, Place(rng, PRIORS["ceiling"], HEIGHT, WIDTH), SECONDS)
        if len(scene.people) > 1:
            return scene


def noisy(rng: np.random.Generator, boxes: np.ndarray) -> FoundPeople:
    seen = boxes[boxes.any(axis=1) & (rng.random(len(boxes)) >= MISSING)]
    moved = seen + rng.normal(0, NOISE, seen.shape)
    corners = np.minimum(moved[:, :2], moved[:, 2:] - 1), np.maximum(moved[:, 2:], moved[:, :2] + 1)
    return FoundPeople(np.concatenate(corners, axis=1).astype(np.float32), np.full(len(seen), 0.9, np.float32))


def figures(truth: list[np.ndarray], times: np.ndarray, found: list[FoundPeople]) -> tuple[float, float, float, float]:
    """MOTA, IDF1, identity switches and people of all frames."""
    accumulator = motmetrics.MOTAccumulator(auto_id=True)
    for boxes, tracked in zip(truth, track_recording(found, times)):
        people = np.flatnonzero(boxes.any(axis=1))
        distance = 1 - box_overlap(boxes[people], np.array([person.box for person in tracked]).reshape(-1, 4))
        distance[distance > 0.5] = np.nan
        accumulator.update(people.tolist(), [person.track for person in tracked], distance)
    names = ["mota", "idf1", "num_switches", "num_objects"]
    return tuple(motmetrics.metrics.create().compute(accumulator, metrics=names).iloc[0])


def main() -> None:
    results: dict[tuple[str, int], list[tuple]] = {}
    for room in range(ROOMS):
        rng = np.random.default_rng([77, room])
        scene = company(rng)
        seconds = scene.place.sensor.seconds(rng, SECONDS)
        frames, boxes = scene.frames(seconds), [scene.boxes(second) for second in seconds]
        for gap in (0, 1, 3):
            kept = np.flatnonzero(seconds % GAP_PERIOD >= gap)
            times = np.round(1000 * seconds[kept]).astype(np.int64)
            truth = [boxes[index] for index in kept]
            ways = {
                "true boxes with noise": [noisy(rng, some) for some in truth],
                "blobs": BlobFinder(still_background(frames)).find(frames[kept], times),
            }
            for way, found in ways.items():
                results.setdefault((way, gap), []).append(figures(truth, times, found))
    print("| boxes | frames lost | MOTA | IDF1 | switches in all | people in all frames |\n| --- | --- | ---: | ---: | ---: | ---: |")
    for (way, gap), rows in results.items():
        mota, idf1, switches, people = np.array(rows, float).T
        spread = [f"{np.mean(of):.3f} ± {np.std(of, ddof=1):.3f}" for of in (mota, idf1)]
        lost = f"{gap} s of {GAP_PERIOD:.0f}" if gap else "none"
        print(f"| {way} | {lost} | {' | '.join(spread)} | {switches.sum():.0f} | {people.sum():.0f} |")


if __name__ == "__main__":
    main()
