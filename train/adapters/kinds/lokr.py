"""LoKr: W + scale * kron(w1, w2), a small matrix times a large one; each may be a product of two thinner ones.

The Kronecker product is never made in training: the inputs go through w2 in groups, and the groups through w1.

Programs differ in what alpha means: some divide it by the rank always, some where a thin factor is there, and where
both are whole none does. A file holds alpha = rank, which is scale 1 to all of them, and the scale within w1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from train.adapters.dropout import dropout
from train.adapters.kinds.kind import Kind, Shapes, Site, Spec, Tensors, in_float32, product, uniform

W1, W1_A, W1_B = "lokr_w1", "lokr_w1_a", "lokr_w1_b"
W2, W2_A, W2_B = "lokr_w2", "lokr_w2_a", "lokr_w2_b"
_CORE = "lokr_t2"


def shapes(spec: Spec) -> Shapes:
    """lycoris' layout: out = out1 * out2 and in = in1 * in2, w1 [out1, in1], w2 [out2, in2, kernel]."""
    from lycoris.functional import factorization  # noqa: PLC0415 (imports peft: seconds)

    factor = int(spec.options.get("factor", -1))
    out1, out2 = factorization(spec.shape[0], factor)
    in1, in2 = factorization(spec.shape[1], factor)
    rank, whole = spec.rank, bool(spec.options.get("full_matrix"))
    thin = bool(spec.options.get("decompose_both")) and not whole and rank < max(out1, in1) / 2
    small: Shapes = {W1_A: (out1, rank), W1_B: (rank, in1)} if thin else {W1: (out1, in1)}
    if whole or rank >= max(out2, in2) / 2:
        return {**small, W2: (out2, in2, *spec.kernel)}
    taps = spec.inputs // spec.shape[1]
    return {**small, W2_A: (out2, rank), W2_B: (rank, in2 * taps)}


def start(_spec: Spec, tensors: dict[str, Tensor], _weight: Tensor, generator: torch.Generator) -> None:
    """w2 zero, the rest small."""
    for name in (W1, W1_A, W1_B, W2_A):
        if name in tensors:
            uniform(tensors[name], generator)
    tensors[W2 if W2 in tensors else W2_B].zero_()


def scale_of(spec: Spec, tensors: Tensors) -> float:
    """Where both matrices are whole there is no rank to divide by, and the scale is 1."""
    return 1.0 if W1 in tensors and W2 in tensors else spec.scale


def delta(spec: Spec, tensors: Tensors, _weight: Tensor) -> Tensor:
    """scale * kron(w1, w2), a convolution's kernel being w2's."""
    small, large = _small(tensors), _large(spec, tensors)
    changed = torch.kron(small.reshape(*small.shape, *(1,) * len(spec.kernel)), large.contiguous())
    return scale_of(spec, tensors) * changed.reshape(spec.shape)


def _small(tensors: Tensors) -> Tensor:
    return tensors[W1] if W1 in tensors else tensors[W1_A] @ tensors[W1_B]


def _large(spec: Spec, tensors: Tensors) -> Tensor:
    """w2 whole: [out2, in2, *kernel]."""
    if W2 in tensors:
        return tensors[W2]
    a, b = tensors[W2_A], tensors[W2_B]
    if (core := tensors.get(_CORE)) is not None:
        return torch.einsum("ij...,jr,ip->pr...", core, b, a)
    return (a @ b.flatten(1)).reshape(a.shape[0], -1, *spec.kernel)


def live(site: Site, x: Tensor) -> Tensor:
    """The module's own output, and the inputs through both matrices one after the other."""
    with in_float32(x.device):
        small = _small(site.tensors) * scale_of(site.spec, site.tensors)
    added = _grouped_conv(site, x, small) if site.spec.kernel else _grouped(site, x, small)
    return site.base(x) + dropout(site, added)


def _grouped(site: Site, x: Tensor, small: Tensor) -> Tensor:
    """x [..., in1 * in2] to [..., out1 * out2]: w1 comes where it has least to mix."""
    tensors, (out1, in1) = site.tensors, small.shape
    groups = x.unflatten(-1, (in1, -1))
    if W2 not in tensors:
        inner = _mixed(functional.linear(groups, tensors[W2_B]), small)
        return functional.linear(inner, tensors[W2_A]).flatten(-2)
    out2, in2 = tensors[W2].shape
    if out1 * in2 < in1 * out2:
        return functional.linear(_mixed(groups, small), tensors[W2]).flatten(-2)
    return _mixed(functional.linear(groups, tensors[W2]), small).flatten(-2)


def _grouped_conv(site: Site, x: Tensor, small: Tensor) -> Tensor:
    """x [n, in1 * in2, h, w] to [n, out1 * out2, h', w']: the groups are images to w2."""
    tensors, in1 = site.tensors, small.shape[1]
    groups = x.unflatten(1, (in1, -1)).flatten(0, 1)
    if W2 in tensors:
        inner = product(site.host, groups, tensors[W2]).unflatten(0, (-1, in1))
        return _mixed(inner.flatten(2), small).unflatten(2, inner.shape[2:]).flatten(1, 2)
    kernel = tensors[W2_B].reshape(site.spec.rank, -1, *site.spec.kernel)
    inner = product(site.host, groups, kernel).unflatten(0, (-1, in1))
    mixed = _mixed(inner.flatten(2), small).unflatten(2, inner.shape[2:]).flatten(0, 1)
    return functional.conv2d(mixed, tensors[W2_A][:, :, None, None]).unflatten(0, (len(x), -1)).flatten(1, 2)


def _mixed(groups: Tensor, small: Tensor) -> Tensor:
    """[..., in1, n] to [..., out1, n], through w1.

    One product for each position moves nothing in memory. Its gradient holds a w1 for each, so that a w1 larger than
    what it mixes goes through all positions at once.
    """
    (out1, in1), each = small.shape, groups.shape[-1]
    if out1 * in1 > (out1 + in1) * each:
        return functional.linear(groups.transpose(-1, -2), small).transpose(-1, -2)
    flat = groups.flatten(0, -3)
    return torch.bmm(small.expand(len(flat), -1, -1), flat).unflatten(0, groups.shape[:-2])


def files(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """alpha = rank, and the scale within w1."""
    scaled = W1 if W1 in tensors else W1_A
    scale = scale_of(spec, tensors)
    return {**tensors, scaled: tensors[scaled] * scale, "alpha": torch.tensor(float(spec.rank))}


def restore(spec: Spec, tensors: Tensors) -> dict[str, Tensor]:
    """w1 without the scale."""
    scaled = W1 if W1 in tensors else W1_A
    return {**tensors, scaled: tensors[scaled] / scale_of(spec, tensors)}


LOKR = Kind(shapes, start, delta, live, files, restore)
