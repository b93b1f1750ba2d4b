"""Optional packages that optimisers come from, and classes of any other."""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import logging
import re
from collections.abc import Mapping
from typing import Any

import torch

from curator.contract.errors import UserError, did_you_mean

_EXTRA = "pip install 'frieze[optimizers]'"
_BROKEN_8BIT = (
    (0, 36, 0),
    (0, 41, 0),
)  # of bitsandbytes: wrong 8-bit state (bitsandbytes-foundation/bitsandbytes#659)


def class_of(package: str, name: str, module: str = "") -> type[torch.optim.Optimizer]:
    """The class `name` of an optional package, or of a module of it.

    Raises:
        UserError: it is not installed, or is a version whose results are wrong.
    """
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"the package {package} is not installed", _EXTRA) from None
    if package == "bitsandbytes":
        _check_bitsandbytes(version)
    found = importlib.import_module(module or package.replace("-", "_"))
    return getattr(found, name)


def _check_bitsandbytes(version: str) -> None:
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:3])
    if _BROKEN_8BIT[0] <= numbers <= _BROKEN_8BIT[1]:
        raise UserError(
            f"bitsandbytes {version} computes 8-bit optimisers wrongly (0.36.0 to 0.41.0 do)",
            f"update it: {_EXTRA}",
        )
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of kernels that inference would use


def any_class(path: str, arguments: Mapping[str, Any]) -> type[torch.optim.Optimizer]:
    """The optimiser class with a dotted name, whose constructor takes `arguments`.

    Raises:
        UserError: there is none of that name, or an argument it does not take.
    """
    module, _, name = path.rpartition(".")
    try:
        found = importlib.import_module(module)
    except (ImportError, ValueError) as error:
        raise UserError(
            f"optimizer.name = '{path}': {error}",
            "install the package, or mend the name",
        ) from error
    known = [each for each, value in vars(found).items() if _is_optimizer(value)]
    if name not in known:
        raise UserError(f"{module} has no optimiser '{name}'", did_you_mean(name, known))
    made = getattr(found, name)
    _check_arguments(path, made, arguments)
    return made


def _is_optimizer(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, torch.optim.Optimizer)


def _check_arguments(path: str, made: type, arguments: Mapping[str, Any]) -> None:
    taken = dict(inspect.signature(made).parameters)
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in taken.values()):
        return
    known = [name for name in taken if name not in ("params", "lr")]
    for name in arguments:
        if name not in known:
            raise UserError(f"optimizer.args: {path} takes no '{name}'", did_you_mean(name, known))
