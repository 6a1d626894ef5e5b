"""What README.md, docs/ and each tool's --help hold: the blocks that stand four spaces to the right."""

import ast
import re
from dataclasses import dataclass

from tests.programs import ROOT

PAGES = {
    str(path.relative_to(ROOT)): path
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("tools/*.py"))]
}


@dataclass(frozen=True)
class Block:
    """What stands four spaces to the right in a page, without these.

    Attributes:
        page: its path in the repository.
        line: of the page, from 1.
    """

    page: str
    line: int
    text: str

    @property
    def is_python(self) -> bool:
        try:
            return bool(ast.parse(self.text).body) and not self.text.startswith("{")
        except SyntaxError:
            return False

    @property
    def commands(self) -> list[str]:
        return re.sub(r"\\\n\s*", "", self.text).splitlines()


def text_of(page: str) -> str:
    """A page, or what a tool's --help says above the options."""
    text = PAGES[page].read_text(encoding="utf-8")
    return "\n" + ast.get_docstring(ast.parse(text), clean=False) if PAGES[page].suffix == ".py" else text


def blocks_of(page: str) -> list[Block]:
    blocks, lines = [], []
    for number, line in enumerate([*text_of(page).splitlines(), "end"], 1):
        assert not line.startswith("```"), f"{page}:{number} has a fence: put four spaces before each line of the block"
        if line.startswith("    ") or (lines and not line.strip()):
            lines.append(line[4:])
        elif lines:
            blocks.append(Block(page, number - len(lines), "\n".join(lines).strip()))
            lines = []
    return blocks
