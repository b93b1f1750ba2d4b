"""LoKr: W + scale * kron(w1, w2), a small matrix times a large one; each may be a product of two thinner ones.

The Kronecker product is never made in training: the inputs go through w2 in groups, and the groups through w1.

Programs differ in what alpha means: some divide it by the rank always, some where a thin factor is there, and where
both are whole none does. A file holds alpha = rank, which is scale 1 to all of them, and the scale within w1.
"""

from __future__ import annotations

import torch
from lycoris.functional import factorization
from torch import Tensor
from torch.nn import functional

from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, in_float32, product, uniform

_W1, _W1_A, _W1_B = "lokr_w1", "lokr_w1_a", "lokr_w1_b"
_W2, _W2_A, _W2_B = "lokr_w2", "lokr_w2_a", "lokr_w2_b"
_CORE = "lokr_t2"


def shapes(spec: Spec) -> Shapes:
    """lycoris' layout: out = out1 * out2 and in = in1 * in2, w1 [out1, in1], w2 [out2, in2, kernel]."""
    factor = int(spec.options.get("factor", -1))
    out1, out2 = factorization(spec.shape[0], factor)
    in1, in2 = factorization(spec.shape[1], factor)
    rank, whole = spec.rank, bool(spec.options.get("full_matrix"))
    thin = bool(spec.options.get("decompose_both")) and not whole and rank < max(out1, in1) / 2
    small: Shapes = {_W1_A: (out1, rank), _W1_B: (rank, in1)} if thin else {_W1: (out1, in1)}
    if whole or rank >= max(out2, in2) / 2:
        return {**small, _W2: (out2, in2, *spec.kernel)}
    taps = spec.inputs // spec.shape[1]
    return {**small, _W2_A: (out2, rank), _W2_B: (rank, in2 * taps)}


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, generator: torch.Generator) -> None:
    """w2 zero, the rest small."""
    for name in (_W1, _W1_A, _W1_B, _W2_A):
        if name in tensors:
            uniform(tensors[name], generator)
    tensors[_W2 if _W2 in tensors else _W2_B].zero_()


def scale_of(spec: Spec, tensors: Tensors) -> float:
    """Where both matrices are whole there is no rank to divide by, and the scale is 1."""
    return 1.0 if _W1 in tensors and _W2 in tensors else spec.scale


def delta(spec: Spec, tensors: Tensors, _weight: Tensor) -> Tensor:
    """scale * kron(w1, w2), a convolution's kernel being w2's."""
    small, large = _small(tensors), _large(spec, tensors)
    changed = torch.kron(small.reshape(*small.shape, *(1,) * len(spec.kernel)), large.contiguous())
    return scale_of(spec, tensors) * changed.reshape(spec.shape)


def _small(tensors: Tensors) -> Tensor:
    return tensors[_W1] if _W1 in tensors else tensors[_W1_A] @ tensors[_W1_B]


def _large(spec: Spec, tensors: Tensors) -> Tensor:
    """w2 whole: [out2, in2, *kernel]."""
    if _W2 in tensors:
        return tensors[_W2]
    a, b = tensors[_W2_A], tensors[_W2_B]
    if (core := tensors.get(_CORE)) is not None:
        return torch.einsum("ij...,jr,ip->pr...", core, b, a)
    return (a @ b.flatten(1)).reshape(a.shape[0], -1, *spec.kernel)


def live(site: Site, x: Tensor) -> Tensor:
    """The module's own output, and the inputs through both matrices one after the other."""
    with in_float32(x.device):
        small = _small(site.tensors) * scale_of(site.spec, site.tensors)
    added = _grouped_conv(site, x, small) if site.spec.kernel else _grouped(site, x, small)
    return site.base(x) + functional.dropout(added, site.spec.dropout, site.training)


def _grouped(site: Site, x: Tensor, small: Tensor) -> Tensor:
    """x [..., in1 * in2] to [..., out1 * out2]: the matrix that leaves less to compute goes first."""
    tensors, (out1, in1) = site.tensors, small.shape
    groups = x.unflatten(-1, (in1, -1))
    out2 = site.spec.shape[0] // out1
    if out1 * groups.shape[-1] < in1 * out2:
        return _through_large(tensors, _mixed(groups, small)).flatten(-2)
    return _mixed(_through_large(tensors, groups), small).flatten(-2)


def _mixed(groups: Tensor, small: Tensor) -> Tensor:
    """[..., in1, n] to [..., out1, n]."""
    return functional.linear(groups.transpose(-1, -2), small).transpose(-1, -2)


def _through_large(tensors: Tensors, groups: Tensor) -> Tensor:
    """[..., n, in2] to [..., n, out2]."""
    if _W2 in tensors:
        return functional.linear(groups, tensors[_W2])
    return functional.linear(functional.linear(groups, tensors[_W2_B]), tensors[_W2_A])


def _grouped_conv(site: Site, x: Tensor, small: Tensor) -> Tensor:
    """x [n, in1 * in2, h, w] to [n, out1 * out2, h', w']: the groups are images to w2."""
    tensors, in1 = site.tensors, small.shape[1]
    groups = x.unflatten(1, (in1, -1)).flatten(0, 1)
    if _W2 in tensors:
        inner = product(site.host, groups, tensors[_W2])
    else:
        kernel = tensors[_W2_B].reshape(site.spec.rank, -1, *site.spec.kernel)
        inner = functional.conv2d(product(site.host, groups, kernel), tensors[_W2_A][:, :, None, None])
    return torch.einsum("oi,nichw->nochw", small, inner.unflatten(0, (-1, in1))).flatten(1, 2)


def files(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """alpha = rank, and the scale within w1."""
    scaled = _W1 if _W1 in tensors else _W1_A
    scale = scale_of(spec, tensors)
    return {**tensors, scaled: tensors[scaled] * scale, "alpha": torch.tensor(float(spec.rank))}


def restore(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """w1 without the scale."""
    scaled = _W1 if _W1 in tensors else _W1_A
    return {**tensors, scaled: tensors[scaled] / scale_of(spec, tensors)}


LOKR = Kind(shapes, start, delta, live, files, restore)
