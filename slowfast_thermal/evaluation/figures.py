"""What all figures and pictures share. Colour-blind readers can tell the colours apart (Okabe and Ito, 2008)."""

import io
import textwrap

from matplotlib.figure import Figure
from PIL import Image

CORRECT = "#56B4E9"
"""Sky blue: a person whose highest class is annotated."""
WRONG = "#E69F00"
"""Orange: a person whose highest class is not."""
ANNOTATED = "#FFFFFF"
"""White: what is annotated, without a prediction."""
LINE = "#0072B2"
"""Blue: curves and bars."""
SECOND_LINE = "#D55E00"
"""Vermilion: a second curve in the same axes."""
LINES = (LINE, SECOND_LINE, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Several curves in the same axes, in turn."""
TRACKS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#FFFFFF")
"""People who are followed, in turn."""

HEAT_MAP = "inferno"
"""Temperatures; even in perceived lightness."""
SHARE_MAP = "Blues"
"""Counts and shares, white for none."""


def figure_picture(figure: Figure) -> Image.Image:
    """A figure as an RGB picture."""
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=200)
    return Image.open(data).convert("RGB")


def short_name(name: str) -> str:
    """A class name on the few short lines that a figure has room for."""
    return "\n".join(textwrap.wrap(name, 20, max_lines=3, placeholder=" …")).replace("$", r"\$")
