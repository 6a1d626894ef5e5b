"""YAML configuration files and the `_BASE_` files that they build on."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from slowfast_thermal.errors import InputError
from slowfast_thermal.user_input import is_file

_BASE = "_BASE_"
# Those that come with the package, which a repository has beside it.
_PACKAGE = Path(__file__).parent
_SHIPPED = next(folder / "configs" for folder in (_PACKAGE, _PACKAGE.parent) if (folder / "configs").is_dir())
# Values in a file with what its aliases repeat; the largest configuration has a few hundred.
_MAX_VALUES = 100_000
# What PyYAML raises for values that their own notation does not allow, such as a 13th month.
_NO_VALUE = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, OverflowError)


def find_configuration(name: str, folder: Path = Path()) -> Path:
    """The file of this name in the folder or, where there is none, the one that comes with the package, such as
    `Thermal/DEMO.yaml` or `configs/Thermal/DEMO.yaml`.
    """
    path, shipped = folder / name, _SHIPPED / name.removeprefix("configs/")
    return shipped if is_file(shipped) and not is_file(path) else path


def read_with_bases(path: Path, built_on_it: tuple[Path, ...] = ()) -> list[tuple[Path, dict]]:
    """What a file and its bases hold, each base before what builds on it.

    Args:
        path: a YAML file. Its `_BASE_` names one or several others by their paths from there, or ones that come with the
            package, as `find_configuration` does.
        built_on_it: the files that name this one as a base, the first one first.

    Raises:
        InputError: a file is missing or no mapping of keys, its aliases stand for themselves or for too much, a key stands
            there twice, or a file is its own base.
    """
    values = _read(path, built_on_it)
    bases = values.pop(_BASE, [])
    bases = bases if isinstance(bases, list) else [bases]
    if not all(isinstance(base, str) and base for base in bases):
        raise InputError(f"{path} names the _BASE_ {bases}: give the path of a YAML file.")
    files = []
    for base in bases:
        base_path = find_configuration(str(Path(base).expanduser()), path.parent)
        chain = (*built_on_it, path)
        if base_path.resolve() in [file.resolve() for file in chain]:
            names = " is built on ".join(str(file) for file in (*chain, base_path))
            raise InputError(f"{names}: remove one of these _BASE_ lines.")
        files += read_with_bases(base_path, chain)
    return [*files, (path, values)]


def _read(path: Path, built_on_it: tuple[Path, ...]) -> dict:
    if not is_file(path):
        if built_on_it:
            raise InputError(f"{built_on_it[-1]} names a _BASE_ file that does not exist: '{path}': correct its path.")
        raise InputError(f"Configuration file '{path}' does not exist: give --cfg one of configs/Thermal/*.yaml.")
    try:
        loader = yaml.SafeLoader(path.read_text(encoding="utf-8"))
        document = loader.get_single_node()
        for fault in _faults(document):
            raise InputError(f"{path} {fault}.")
        values = loader.construct_document(document) if document else None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): correct its permissions.") from None
    except RecursionError:
        raise InputError(f"{path} is not a valid YAML configuration: its lists or nodes are too deep.") from None
    except _NO_VALUE as error:
        raise InputError(f"{path} is not a valid YAML configuration: {' '.join(str(error).split())}.") from None
    if not isinstance(values, dict):
        raise InputError(f"{path} is not a valid YAML configuration: give keys and values, such as NUM_GPUS: 0.")
    return values


def _faults(document: yaml.Node | None) -> Iterator[str]:
    """What a document must not be before any of its values is made."""
    sizes: dict[int, int] = {}
    twice: list[str] = []

    def size(node: yaml.Node) -> int:
        """Values in a node with what aliases repeat; one that holds itself is larger than any."""
        if id(node) not in sizes and not isinstance(node, yaml.ScalarNode):
            sizes[id(node)] = _MAX_VALUES
            children = node.value
            if isinstance(node, yaml.MappingNode):
                keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
                twice.extend(f"line {node.start_mark.line + 1} on: '{key}'" for key in keys if keys.count(key) > 1)
                children = [part for pair in node.value for part in pair]
            sizes[id(node)] = 1 + sum(map(size, children))
        return sizes.get(id(node), 1)

    if document and size(document) > _MAX_VALUES:
        yield f"repeats itself by aliases without end, or to more than {_MAX_VALUES} values: write the values out"
    if twice:
        yield f"has a key twice in one node (from {twice[0]}): remove one of them"
