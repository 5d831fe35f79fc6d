"""A device that is not the CPU, for machines without one: tensors on it do not mix with others.

They say that they are on `ELSEWHERE` and compute on the CPU; an operation that a GPU would refuse
because its tensors lie on two devices is refused here, too. It is the meta device's name that is
borrowed: the only one that every build of torch knows and that initialises nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ELSEWHERE = torch.device("meta")
_aten = torch.ops.aten
_COPIES = (_aten.copy_.default, _aten._to_copy.default)
_INDEXING = (_aten.index.Tensor, _aten.index_put_.default, _aten.index_put.default)


class There(Tensor):
    """A tensor that says it is elsewhere; `here` holds its numbers."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> There:
        there = Tensor._make_wrapper_subclass(
            cls,
            here.shape,
            here.stride(),
            here.storage_offset(),
            dtype=here.dtype,
            device=ELSEWHERE,
        )
        there.here = here
        return there

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class _Everywhere(TorchDispatchMode):
    """Sees what makes tensors out of none, as well."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket is _aten.to:  # in inference mode it comes whole
            with self:
                return func.decompose(*args, **(kwargs or {}))
        return _run(func, args, kwargs or {})


class _FromNumbers(TorchFunctionMode):
    """What goes from Python's numbers to tensors and back does not pass the other mode."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and kwargs.get("device") == ELSEWHERE:
            return There(func(*args, **{**kwargs, "device": "cpu"}))
        if func is Tensor.new_tensor and isinstance(args[0], There):
            return There(args[0].here.new_tensor(*args[1:], **kwargs))
        if func is Tensor.tolist and isinstance(args[0], There):
            return args[0].here.tolist()
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            args = (args[0], _with_tensors(args[1]), *args[2:])
        return func(*args, **kwargs)


def _with_tensors(index: Any) -> Any:
    """An index with tensors in place of lists."""
    if isinstance(index, tuple):
        return tuple(_with_tensors(part) for part in index)
    return torch.tensor(index, dtype=torch.long) if isinstance(index, list) else index


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    wanted = kwargs.get("device")
    wants_there = wanted is not None and torch.device(wanted) == ELSEWHERE
    given: list[Tensor] = []
    _gather(args, given)
    _gather(kwargs, given)
    there = any(type(tensor) is There for tensor in given)
    if not there and not wants_there:
        return func(*args, **kwargs)
    if there and func is _aten._has_compatible_shallow_copy_type.default:
        return False  # `Module.to` then makes new parameters
    if there and func not in _COPIES:
        _refuse_a_mix(func, args, given)
    stays = wants_there or (there and wanted is None)
    if func is _aten.copy_.default:
        stays = type(args[0]) is There
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    found = func(*_each(_here, args), **_each(_here, kwargs))
    return _each(There, found) if stays else found


def _gather(value: Any, into: list[Tensor]) -> None:
    """All tensors in arguments; torch's own walk through them takes most of a test's time."""
    if isinstance(value, Tensor):
        into.append(value)
    elif isinstance(value, list | tuple):
        for part in value:
            _gather(part, into)
    elif isinstance(value, dict):
        for part in value.values():
            _gather(part, into)


def _each(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """The same arguments or results with every tensor changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, list | tuple):
        return type(value)([_each(change, part) for part in value])
    if isinstance(value, dict):
        return {name: _each(change, part) for name, part in value.items()}
    return value


def _here(tensor: Tensor) -> Tensor:
    return tensor.here if isinstance(tensor, There) else tensor


def _refuse_a_mix(func: Any, args: Any, given: list[Tensor]) -> None:
    if func in _INDEXING:  # a GPU's tensor takes indices from the CPU, not the other way round
        given = [args[0], *args[2:3]]
    here = [t for t in given if not isinstance(t, There) and t.dim() > 0]
    if here and (len(here) < len(given) or func in _INDEXING):
        raise RuntimeError(
            f"Expected all tensors to be on the same device, but {func} has {len(here)} on the CPU."
        )


@torch.inference_mode()
def move(module: nn.Module) -> None:
    """Put all parameters of a module elsewhere, in place."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            setattr(part, name, nn.Parameter(There(parameter.detach()), requires_grad=False))


@contextmanager
def a_device_elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While it lasts, `device=ELSEWHERE` makes tensors there; nothing in it has gradients."""
    with torch.inference_mode(), monkeypatch.context() as patch, _Everywhere(), _FromNumbers():
        patch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # meta knows none
        yield
