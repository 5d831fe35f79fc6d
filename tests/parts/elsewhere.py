"""A device that is not the CPU, for machines without one: tensors on it do not mix with others.

They say that they are on `ELSEWHERE` and compute on the CPU; an operation that a GPU would refuse
because its tensors lie on two devices is refused here, too. It is the meta device's name that is
borrowed: the only one that every build of torch knows and that initialises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

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
    given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    there = any(isinstance(tensor, There) for tensor in given)
    if there and func is _aten._has_compatible_shallow_copy_type.default:
        return False  # `Module.to` then makes new parameters
    if there and func not in _COPIES:
        _refuse_a_mix(func, args, given)
    wanted = kwargs.get("device")
    stays = there and (wanted is None or torch.device(wanted) == ELSEWHERE)
    stays = stays or (wanted is not None and torch.device(wanted) == ELSEWHERE)
    if func is _aten.copy_.default:
        stays = isinstance(args[0], There)
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    args, kwargs = tree_map_only(There, lambda tensor: tensor.here, (args, kwargs))
    found = func(*args, **kwargs)
    return tree_map_only(Tensor, There, found) if stays else found


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
