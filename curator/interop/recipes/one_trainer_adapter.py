"""OneTrainer's adapters: kinds, layers, ranks (B12)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curator.interop.recipes.translation import Translation


def translate_adapter(into: Translation) -> None:
    """The kind of adapter, its ranks, and the layers it is put on, as nearly as they can be said."""
    peft, is_dora = into.text("peft_type", "LORA"), into.switch("lora_decompose")
    kind = {"LORA": "locon", "LOHA": "loha", "LOKR": "lokr", "OFT_2": "oft"}.get(peft)
    if kind is None:
        into.leave_out("peft_type", "there is no kind like it; LoRA stands in its place")
        kind = "locon"
    kind = "dora" if is_dora and kind == "locon" else kind
    only_attention = "attn" in into.text("layer_filter_preset") or into.text("layer_filter") in (
        "attentions",
        "attn",
    )
    if only_attention and kind == "locon":
        kind = "lora"
    elif into.text("layer_filter") and not only_attention:
        into.leave_out("layer_filter", "said by layer in adapter.rules")
    into.set(
        "peft_type" if into.gives("peft_type") else "training_method", "adapter.kind", kind, _layers(kind)
    )
    rank = into.number("lokr_dim" if kind == "lokr" and into.gives("lokr_dim") else "lora_rank") or 16
    alpha = into.number("lora_alpha") or 1.0
    into.set("lora_rank", "adapter.rank", rank)
    into.set("lora_alpha", "adapter.alpha", alpha)
    if kind not in ("lora", "oft"):
        into.set("lora_rank", "adapter.conv_rank", rank, "convolutions as well, of the same rank")
        into.set("lora_alpha", "adapter.conv_alpha", alpha, "convolutions as well")
    into.carry({"dropout_probability": "adapter.dropout", "lora_model_name": "adapter.start"})
    if kind == "lokr":
        into.carry(
            {
                "lokr_decompose_factor": "adapter.lokr.factor",
                "lokr_full_matrix": "adapter.lokr.full_matrix",
                "lokr_decompose_both": "adapter.lokr.decompose_both",
            }
        )
    if into.switch("lokr_weight_decompose") and kind == "lokr":
        into.leave_out("lokr_weight_decompose", "there is DoRA of LoRA, and none of LoKr")


def _layers(kind: str) -> str:
    return (
        ""
        if kind == "lora"
        else "attention, feed-forward and convolution layers; OneTrainer takes the few others too"
    )
