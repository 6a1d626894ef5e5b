"""Keyframes with their annotated and predicted actions as pictures."""

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from slowfast_thermal.datasets import Thermal
from slowfast_thermal.evaluation.metrics import Evaluation

# Width in pixels to which a keyframe is enlarged.
_WIDTH = 640
_FONT_SIZE = 15


def draw_predictions(dataset: Thermal, index: int, evaluation: Evaluation) -> np.ndarray:
    """A keyframe of `dataset` with each predicted person's box, best class, score and annotated class.

    Returns:
        (H, W, 3) uint8.
    """
    keyframe = dataset.keyframe(index)
    temperatures = dataset.keyframe_picture(index)
    low, high = np.percentile(temperatures, [1, 99.5])
    colors = matplotlib.colormaps["inferno"](np.clip((temperatures - low) / max(high - low, 1e-6), 0, 1))
    picture = Image.fromarray((colors[..., :3] * 255).astype(np.uint8))
    picture = picture.resize((_WIDTH, round(_WIDTH * picture.height / picture.width)), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(_FONT_SIZE)

    boxes, labels, scores = (
        part.get(f"{keyframe.recording},{keyframe.timestamp:04d}", []) for part in evaluation.detections
    )
    best = {}
    for box, label, score in zip(boxes, labels, scores):
        if score > best.get(tuple(box), (0, -1.0))[1]:
            best[tuple(box)] = (label, score)
    for (y1, x1, y2, x2), (label, score) in best.items():
        overlap = np.abs(keyframe.boxes - np.array([x1, y1, x2, y2])).max(axis=1)
        lines = [f"{dataset.classes[label - 1]} {score:.2f}"]
        if len(overlap) and overlap.min() < 0.01:
            actions = keyframe.labels[overlap.argmin()].nonzero()[0]
            lines.append(f"is {', '.join(dataset.classes[a] for a in actions)}")
        corners = np.array([x1, y1, x2, y2]) * np.tile(picture.size, 2)
        draw.rectangle(corners.tolist(), outline="cyan", width=2)
        _write(draw, "\n".join(lines), corners, picture.size, font)
    return np.asarray(picture)


def _write(draw: ImageDraw.ImageDraw, text: str, corners: np.ndarray, size: tuple[int, int], font) -> None:
    """Writes above the box, or below it where there is no room, inside the picture."""
    left, top, right, bottom = draw.multiline_textbbox((0, 0), text, font=font)
    width, height = right - left, bottom - top
    x = min(max(corners[0], 2), size[0] - width - 4)
    y = corners[1] - height - 8 if corners[1] > height + 8 else min(corners[3] + 2, size[1] - height - 8)
    draw.rectangle([x - 2, y, x + width + 2, y + height + 6], fill="black")
    draw.multiline_text((x, y), text, fill="white", font=font)
