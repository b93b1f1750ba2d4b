"""What a recipe comes to, beside it: its learning rate over the steps, and the memory it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from curator.contract.errors import UserError
from curator.contract.run.run_length import plan_training
from curator.contract.run.schedules import lr_factor
from curator.runs.drawing.chart import STYLES, line_of
from curator.runs.drawing.plots import Plot, drawn
from curator.runs.words import bytes_in_words
from curator.tui import meanings
from curator.tui.widgets.lists.lines import Lines

if TYPE_CHECKING:
    from textual.geometry import Size

    from curator.contract.epoch_plan import Span
    from curator.contract.recipe.recipe import Recipe

_POINTS = 400  # of the curve
_PLOT_LINES = 11
_PARTS = {"unet": "UNet", "text_encoder": "text encoders", "vae": "VAE", "adapter": "adapter",
          "gradient": "gradients", "optimizer": "optimizer", "average": "average"}  # fmt: skip


class TrainingOutlook(Lines):
    """Shown where the screen is wide."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._recipe: Recipe | None = None
        self._plot: Plot | None = None
        self._ticks: Sequence[int] = ()
        self._memory: tuple[Recipe, Mapping[str, Any] | None] | None = None

    def show_recipe(self, recipe: Recipe, spans: Sequence[Span]) -> None:
        """Show the recipe's rates over the steps that it takes on a manifest's `spans`."""
        self._recipe, self._plot = recipe, None
        if spans:
            try:
                self._plot, self._ticks = _rate_plot(recipe, spans)
            except UserError:  # said below the form
                self._plot = None
        self._draw()

    def show_memory(self, recipe: Recipe, memory: Mapping[str, Any] | None) -> None:
        """Show what was reckoned for a recipe, for as long as that is the one shown."""
        self._memory = recipe, memory
        self._draw()

    def _draw(self) -> None:
        self.draw(lambda size: [*self._of_rate(size), *self._of_memory()])

    def _of_rate(self, size: Size) -> list[Text]:
        if self._plot is None:
            return []
        return [*drawn(self._plot, max(20, size.width - 2), _PLOT_LINES, self._ticks), Text()]

    def _of_memory(self) -> list[Text]:
        if self._memory is None or self._memory[0] != self._recipe:
            return [Text("memory", "bold").append("  m reckons it, C tries it out", meanings.QUIET)]
        memory = self._memory[1]
        if memory is None:
            return [Text("memory", "bold").append("  not known: PyTorch is not installed", meanings.QUIET)]
        lines = [
            Text("memory", "bold").append(
                f"  {bytes_in_words(memory['device_bytes'])} and what a batch needs"
            )
        ]
        for part, name in _PARTS.items():
            if size := memory[f"{part}_bytes"]:
                is_elsewhere = memory.get(f"{part}s_on_cpu") or memory.get(f"{part}_on_cpu")
                where = "  (CPU)" if is_elsewhere else ""
                lines.append(Text(f"  {name:<15}{bytes_in_words(size):>10}{where}"))
        return lines


def _rate_plot(recipe: Recipe, spans: Sequence[Span]) -> tuple[Plot, Sequence[int]]:
    """The learning rates over the steps, and the first step of each epoch but the first."""
    length = plan_training(spans, recipe)
    total = length.total_steps
    steps = range(0, total, max(1, total // _POINTS))
    rates = {"unet": recipe.optimizer.unet_lr, "text": recipe.optimizer.text_lr}
    lines = [
        (
            name,
            line_of(((step + 1, rate * lr_factor(recipe, step, total)) for step in steps), style),
        )
        for (name, rate), style in zip(rates.items(), STYLES, strict=False)
        if rate > 0
    ]
    legend = [(f"{name} {rates[name]:g}", line.style) for name, line in lines]
    each = length.plan.batches(0)
    ticks = range(each + 1, total + 1, each) if each else ()
    return Plot("learning rate", [line for _, line in lines], legend), ticks
