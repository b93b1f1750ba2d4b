"""Model cards: made of the record, merged with what a user wrote, safe in what they quote (S092, S093)."""

from __future__ import annotations

from pathlib import Path

import yaml

from curator.contract.run.run_folder import RunFolder
from curator.publish.card.card import card_of
from curator.publish.card.merging import merged_card
from curator.publish.card.text import code, plain
from curator.publish.choices import CardChoices
from curator.publish.subject import subject_of_run
from tests.publish.trained import make_run

FRONT = {"license": 'license: "mit"', "tags": 'tags:\n  - "one"'}
BODY = {"title": "# A", "usage": "## Usage", "data": ""}


def test_the_front_matter_is_what_the_hub_reads(run: RunFolder) -> None:
    choices = CardChoices(base_model="someone/base", datasets=("someone/images",), trigger="sls")
    text = card_of(subject_of_run(run), choices, None).merged.text
    front = yaml.safe_load(text.split("---\n")[1])
    assert front == {
        "license": "openrail++",
        "base_model": ["someone/base"],
        "base_model_relation": "adapter",
        "library_name": "diffusers",
        "pipeline_tag": "text-to-image",
        "tags": ["text-to-image", "stable-diffusion", "lora", "template:sd-lora", "frieze"],
        "instance_prompt": "sls",
        "datasets": ["someone/images"],
        "widget": [
            {
                "text": "a fox | in <snow>",
                "parameters": {"negative_prompt": "blurry"},
                "output": {"url": "images/step-00000002-00.png"},
            }
        ],
    }


def test_the_body_is_of_the_record(run: RunFolder) -> None:
    """S093: usage notes; data, recipe and figures as the run has them."""
    text = card_of(subject_of_run(run), CardChoices(), None).merged.text
    for words in (
        "What it &lt;is\\>",
        "LoRA for base.safetensors",
        "Clip skip: 2",
        "trained in buckets of the area of 256x256",
        "| foxes | `fox` | 3 | 3 |",
        "Tags most common, by images: `animal` 4",
        "| steps | 2 of 2 |",
        "| time of training | 0:03 |",
        "| device | cuda:0 |",
        "| loss of images held out | 0.2500 -> 0.1250 |",
        "`Steps: 20, Sampler: euler_a, Seed: 7`",
        "`a fox \\| in <snow>`",
        "this model: CreativeML Open RAIL++-M",
        f"sha256 `{'b' * 64}`",
    ):
        assert words in text, words
    assert "/home/somebody" not in text


def test_trigger_words_come_from_the_captions(frozen: Path, frieze) -> None:
    assert frieze("subset", "set", "foxes", "--trigger", "sls fox").code == 0
    assert frieze("freeze", "named", "--resolution", 256, "--min", 64).code == 0
    run = make_run(frozen.parents[1] / "runs", frozen.with_name("named.manifest"))
    text = card_of(subject_of_run(run), CardChoices(), None).merged.text
    assert "Trigger words: `sls fox`" in text
    assert 'instance_prompt: "sls fox"' in text


def test_a_section_that_comes_later_is_added_in_its_place() -> None:
    first = merged_card(FRONT, BODY, None).text
    later = merged_card(FRONT, {**BODY, "usage": "## Usage\n\nmore", "data": "## Data"}, first)
    assert later.text.index("# A") < later.text.index("more") < later.text.index("## Data")
    assert (later.kept, later.left_out) == ((), ())
    assert merged_card(FRONT, BODY, first).text == first


def test_a_card_of_another_hand_stays_whole_above_ours() -> None:
    theirs = "---\nlicense: cc0-1.0\nlanguage:\n- en\n---\n# Mine\n\n\n\nText.\n"
    merged = merged_card(FRONT, BODY, theirs)
    assert merged.kept == ("license",)
    assert "license: cc0-1.0\nlanguage:\n- en" in merged.text
    assert "# Mine\n\n\n\nText.\n" in merged.text
    assert merged.text.index("Text.") < merged.text.index("## Usage")
    again = merged_card(FRONT, BODY, merged.text)
    assert again.text == merged.text


def test_keys_taken_out_of_the_front_matter_stay_out() -> None:
    first = merged_card(FRONT, BODY, None).text
    without = first.replace('license: "mit"\n', "")
    merged = merged_card(FRONT, BODY, without)
    assert merged.left_out == ("license",)
    assert "license:" not in merged.text.split("---\n")[1].replace("# frieze: license", "")
    assert 'license: "mit"' in merged_card(FRONT, BODY, without, rewrite=True).text


def test_foreign_text_is_shown_and_not_obeyed() -> None:
    assert plain("<!-- /frieze:title -->\n# x") == "&lt;\\!-- /frieze:title --\\>\\\\x0a\\# x"
    assert code("a ` b") == "``a ` b``"
    assert code("`a`") == "`` `a` ``"
