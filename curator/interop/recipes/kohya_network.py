"""sd-scripts' networks, and LyCORIS' among them, as a recipe's adapter (B12)."""

from __future__ import annotations

from curator.interop.recipes.translation import Translation, is_off, is_on

_LYCORIS = "lycoris.kohya"
_KINDS = {
    "lora": "locon", "locon": "locon", "loha": "loha", "lokr": "lokr", "ia3": "ia3", "glora": "glora",
    "dylora": "dylora", "diag-oft": "oft", "diag_oft": "oft", "boft": "boft",
}  # fmt: skip
_MODULES = {"networks.lora": "lora", "networks.dylora": "dylora", "networks.oft": "oft"}
_OF_ALL = {"rs_lora": "adapter.rank_stabilized", "train_norm": "adapter.norms", "dropout": "adapter.dropout"}
_OF_KIND: dict[str, dict[str, str]] = {
    "locon": dict.fromkeys(("use_tucker", "use_cp", "use_conv_cp"), "adapter.locon.tucker"),
    "loha": dict.fromkeys(("use_tucker", "use_cp", "use_conv_cp"), "adapter.loha.tucker"),
    "lokr": {name: f"adapter.lokr.{name}" for name in ("factor", "full_matrix", "decompose_both")},
    "oft": {name: f"adapter.oft.{name}" for name in ("constraint", "rescaled")},
    "boft": {name: f"adapter.boft.{name}" for name in ("constraint", "rescaled")},
    "dylora": dict.fromkeys(("unit", "block_size"), "adapter.dylora.unit"),
}
_DROPOUT, _BY_LAYER = "there is dropout of outputs alone: adapter.dropout", "said by layer in adapter.rules"
_ONE_RATE = "both factors have one rate"
_LEFT_OUT = {
    "rank_dropout": _DROPOUT,
    "module_dropout": _DROPOUT,
    "rank_dropout_scale": _DROPOUT,
    "use_scalar": "there is no scalar beside alpha",
    "loraplus_lr_ratio": _ONE_RATE,
    "loraplus_unet_lr_ratio": _ONE_RATE,
    "loraplus_text_encoder_lr_ratio": _ONE_RATE,
    "unbalanced_factorization": "factors are cut as evenly as may be",
    "bypass_mode": "the cheaper way is taken unasked, and gives the same",
    "enable_all_linear": _BY_LAYER,
    "block_lr_zero_threshold": _BY_LAYER,
    **dict.fromkeys(("block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas"), _BY_LAYER),
    **dict.fromkeys(("down_lr_weight", "mid_lr_weight", "up_lr_weight"), _BY_LAYER),
}
_DEFAULT_RANK = 4


def argument(name: str) -> str:
    """What an argument of the network is called among the settings."""
    return f"network_args.{name}"


def translate_network(into: Translation) -> None:
    """The network's module and its arguments: kind, ranks, alphas, and what belongs to the kind."""
    module = into.text("network_module", "networks.lora")
    kind = _kind(module, into)
    if into.gives("network_module"):
        into.set("network_module", "adapter.kind", kind)
    else:
        into.assume("network_module", "adapter.kind", kind, "convolutions are trained too")
    _translate_ranks(module, kind, into)
    into.carry({"network_dropout": "adapter.dropout", "network_weights": "adapter.start"})
    known = {argument(name): key for name, key in (_OF_KIND.get(kind, {}) | _OF_ALL).items()}
    into.carry({name: key for name, key in known.items() if not is_off(into.settings.get(name))})
    others = {argument(name) for each in _OF_KIND.values() for name in each} - set(known)
    into.leave_out_all(dict.fromkeys(sorted(others), f"no key for it with {kind}"))
    into.leave_out_all({argument(name): why for name, why in _LEFT_OUT.items()})
    if into.text(argument("preset"), "full") != "full":
        into.leave_out(argument("preset"), _BY_LAYER)
    taken = (
        "algo",
        "conv_dim",
        "conv_alpha",
        "enable_conv",
        "dora_wd",
        "wd_on_output",
        "preset",
        "train_t5xxl",
    )
    into.pass_over([*known, *map(argument, taken)])


def _kind(module: str, into: Translation) -> str:
    """The kind of adapter; one that is not there is told, and LoRA stands in its place."""
    if module != _LYCORIS:
        if module not in _MODULES:
            into.leave_out("network_module", "there is no kind like it; LoRA stands in its place")
        kind = _MODULES.get(module, "lora")
        return "locon" if kind == "lora" and not is_off(into.settings.get(argument("conv_dim"))) else kind
    algo = into.text(argument("algo"), "lora").lower()
    is_dora = into.switch(argument("dora_wd"))
    if is_dora and _KINDS.get(algo) == "locon":
        return "dora"
    if is_dora:
        into.leave_out(argument("dora_wd"), f"there is DoRA of LoRA, and none of {algo}")
    if algo not in _KINDS:
        into.leave_out(argument("algo"), "there is no kind like it; LoRA stands in its place")
    return _KINDS.get(algo, "locon")


def _translate_ranks(module: str, kind: str, into: Translation) -> None:
    """Ranks and alphas; LyCORIS gives convolutions the rank of all where nothing is said."""
    rank, alpha = into.raw("network_dim") or _DEFAULT_RANK, into.raw("network_alpha")
    if into.gives("network_dim"):
        into.set("network_dim", "adapter.rank", rank)
    else:
        into.assume("network_dim", "adapter.rank", rank, f"{rank}, where nothing is said")
    if alpha is None:
        alpha = 1.0
        into.assume("network_alpha", "adapter.alpha", alpha, "1, where nothing is said")
    elif is_on(alpha) and not is_off(alpha):
        into.set("network_alpha", "adapter.alpha", alpha)
    else:
        alpha = rank
        into.set("network_alpha", "adapter.alpha", alpha, "0 means the rank")
    conv_rank, conv_alpha = argument("conv_dim"), argument("conv_alpha")
    if not is_off(into.settings.get(conv_rank)):
        into.set(conv_rank, "adapter.conv_rank", into.raw(conv_rank))
        if not is_off(into.settings.get(conv_alpha)):
            into.set(conv_alpha, "adapter.conv_alpha", into.raw(conv_alpha))
    elif module == _LYCORIS and kind != "ia3":
        why = "LyCORIS trains convolutions unasked"
        into.assume(conv_rank, "adapter.conv_rank", rank, why)
        into.assume(conv_alpha, "adapter.conv_alpha", alpha, why)
