"""The modules that an exported folder takes along, so that it runs where this package is not installed."""

import ast
import shutil
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_NAME = _PACKAGE.name
# What the folder's `run.py` needs; what these import of this package goes along.
_ROOTS = ("live.command", "live.exported", "live.web.server", "people.blobs")
_PAGE = "live/web/page.html"
# None of the modules that go along may need these.
FORBIDDEN = {"torch", "torchvision", "slowfast", "fvcore", "iopath", "yacs", "detectron2", "pandas", "sklearn"}
REQUIREMENTS = {
    "onnx": ["numpy>=1.26", "scipy", "h5py", "onnxruntime>=1.18"],
    "openvino": ["numpy>=1.26", "scipy", "h5py", "openvino>=2024.4"],
    "trees": ["numpy>=1.26", "scipy", "h5py"],
}


def needed_modules() -> dict[str, Path]:
    """The files of the modules that `run.py` needs, by their names inside the package."""
    found: dict[str, Path] = {}
    waiting = list(_ROOTS)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = _PACKAGE / f"{name.replace('.', '/')}.py"
        waiting += [module for module in _imports(found[name]) if module not in found]
    return found


def _imports(path: Path) -> list[str]:
    """Modules of this package that a module imports when it is imported."""
    names = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            module, modules = node.module or "", [node.module or ""]
            if module == _NAME or module.startswith(f"{_NAME}."):
                modules = [f"{module}.{alias.name}" for alias in node.names]
                own = [name for name in modules if _file_of(name)] or [module]
                names += [name.removeprefix(f"{_NAME}.") for name in own]
        elif isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        else:
            continue
        outside = {name.split(".")[0] for name in modules} & FORBIDDEN
        assert not outside, f"{path} imports {outside}, which an exported folder must run without"
    return names


def _file_of(name: str) -> bool:
    return (_PACKAGE / f"{name.removeprefix(_NAME + '.').replace('.', '/')}.py").is_file()


def copy_runtime(root: Path, kind: str) -> None:
    """Writes `run.py`, `requirements.txt` and the modules that they need into an exported folder of this kind."""
    for name, path in needed_modules().items():
        target = root / _NAME / path.relative_to(_PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
        # The packages' own would import what is not there.
        for parent in target.relative_to(root).parents[:-1]:
            (root / parent / "__init__.py").touch()
    shutil.copy(_PACKAGE / _PAGE, root / _NAME / _PAGE)
    shutil.copy(Path(__file__).with_name("run.py"), root / "run.py")
    (root / "requirements.txt").write_text("\n".join(REQUIREMENTS[kind]) + "\n", encoding="utf-8")
