"""How captions reach the text encoders: chunks of 75 tokens, weights, both families (S025, S026, S027, S020)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline

from curator.contract.recipe.adapter import Adapter
from curator.contract.recipe.recipe import Optimizer
from curator.contract.run.events import Evaluated, Warned
from train.adapters.attach import attach
from train.families.clip_text import PLAIN_TEXT, TextRules, clip_tokenizer, tokenize
from train.families.conditioning import whole
from train.families.load import load_family
from train.preview.samples import Wanted, make_picture
from train.weights.lora_file import read_lora

LONG = "a photo of a cat on the mat, " * 12  # 108 tokens
LONGER = "a photo of a cat on the mat, " * 30
CAPTIONS = ["a cat", "", LONG, LONGER]
SQUARE = whole((64, 64))
BOS, EOS = 49406, 49407


def family_of(folder, **text):
    return load_family(str(folder), text=TextRules(**text))


def condition(family, captions):
    return family.condition(captions, [SQUARE] * len(captions))


@pytest.fixture(params=["tiny_model", "tiny_sd2", "tiny_sdxl"])
def model(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("pad", ["<|endoftext|>", "!"])
def test_75_tokens_are_fed_as_the_tokenizer_itself_has_it(pad) -> None:
    tokenizer = clip_tokenizer(pad_token=pad)
    theirs = tokenizer(CAPTIONS, padding="max_length", truncation=True, max_length=77, return_tensors="pt")
    assert torch.equal(tokenize(tokenizer, CAPTIONS, PLAIN_TEXT).ids, theirs.input_ids)


@pytest.mark.parametrize(("pad", "pad_id"), [("<|endoftext|>", EOS), ("!", 0)])
@pytest.mark.parametrize(("max_tokens", "chunks"), [(75, 1), (150, 2), (225, 3)])
def test_chunks_and_their_marks(pad, pad_id, max_tokens, chunks) -> None:
    """S026: each chunk has its own marks; an empty one is that of an empty caption."""
    tokenizer = clip_tokenizer(pad_token=pad)
    rules = TextRules(max_tokens=max_tokens)
    exact = "cat " * 75
    ids = tokenize(tokenizer, ["a cat", LONG, LONGER, exact], rules).ids.view(4, chunks, 77)
    words = [tokenizer(text, add_special_tokens=False, verbose=False).input_ids for text in (LONG, LONGER)]
    for chunk in range(chunks):
        mine = words[0][75 * chunk : 75 * chunk + 75]
        assert ids[1, chunk].tolist() == [BOS, *mine, EOS, *[pad_id] * (75 - len(mine))]
        assert ids[2, chunk].tolist() == [BOS, *words[1][75 * chunk : 75 * chunk + 75], EOS]
        tail = [BOS, EOS, *[pad_id] * 75]
        assert ids[0, chunk].tolist()[:2] == [BOS, 320] if chunk == 0 else ids[0, chunk].tolist() == tail
        assert ids[3, chunk].tolist() == ([BOS, *[2368] * 75, EOS] if chunk == 0 else tail)


def test_the_joined_states_are_those_of_each_chunk(tiny_model) -> None:
    """S026, S027: SD1 takes the layer and the final norm per chunk; marks between chunks are left out."""
    family = load_family(str(tiny_model), clip_skip=2, text=TextRules(max_tokens=150))
    states = condition(family, [LONG]).states
    encoder = family.text_encoders[0]
    ids = tokenize(family.tokenizers[0], [LONG], family.text).ids
    first, second = (
        encoder.final_layer_norm(encoder(chunk[None], output_hidden_states=True).hidden_states[-2])[0]
        for chunk in ids
    )
    wanted = torch.cat([first[:1], first[1:76], second[1:76], second[-1:]])[None]
    assert states.shape == (1, 152, 64)
    assert torch.allclose(states, wanted, atol=1e-6)


def test_the_joined_states_of_sdxl(tiny_sdxl) -> None:
    """Penultimate layers without norm; pooled text is the first chunk's, and so that of a short caption's beginning."""
    family = family_of(tiny_sdxl, max_tokens=225)
    told = condition(family, [LONG, "a cat"])
    assert told.states.shape == (2, 227, 80)
    parts = []
    for tokenizer, encoder in zip(family.tokenizers, family.text_encoders, strict=True):
        ids = tokenize(tokenizer, [LONG], family.text).ids
        said = encoder(ids, output_hidden_states=True)
        hidden = said.hidden_states[-2]
        parts.append(torch.cat([hidden[0, :1], *[chunk[1:76] for chunk in hidden], hidden[-1, -1:]]))
    assert torch.allclose(told.states[0], torch.cat(parts, dim=-1), atol=1e-6)
    assert torch.allclose(told.pooled[0], said.text_embeds[0], atol=1e-6)
    short = condition(load_family(str(tiny_sdxl)), [LONG, "a cat"])
    assert torch.allclose(told.pooled, short.pooled, atol=1e-6)


def test_a_short_caption_begins_as_it_did(model) -> None:
    """Its first chunk is that of 75 tokens, bit for bit with one more caption's chunks beside it."""
    short, long = (
        condition(load_family(str(model)), ["a cat"]),
        condition(family_of(model, max_tokens=225), ["a cat"]),
    )
    assert torch.allclose(short.states[:, :76], long.states[:, :76], atol=1e-6)


@pytest.mark.parametrize("max_tokens", [75, 150])
def test_weight_one_is_no_weight(model, max_tokens) -> None:
    """S025: bit-equal, and brackets that cancel are not encoded."""
    weighing, plain = (family_of(model, weighted=each, max_tokens=max_tokens) for each in (True, False))
    for caption in ("a cat", "", "(a:1.0) cat", "([a]) cat", LONG):
        bare = caption.replace("(", "").replace(")", "").replace(":1.0", "").replace("[", "").replace("]", "")
        weighted, unweighted = condition(weighing, [caption]), condition(plain, [bare])
        assert torch.equal(weighted.states, unweighted.states), caption


def test_a_dropped_caption_is_an_empty_one(model, make_run, frozen, monkeypatch) -> None:
    """S020: what the UNet hears in a step is what diffusers' own pipeline says of an empty prompt, padding included."""
    from curator.contract.caption.captions import CaptionRules
    from curator.contract.run.stop_signals import StopSignals
    from train.prepare.job import prepare
    from train.report import Reporter

    data = frozen(rules=CaptionRules(trigger="sls", caption_dropout=1.0), sizes=((64, 64),) * 2)
    job = prepare(make_run(f"model.path={model}", frozen=data), lambda _: Reporter(None), StopSignals())
    items = next(job.data.reader.batches(0, 1)).items
    assert [item.caption for item in items] == ["", ""]
    heard, honest = [], job.stepper.family.predict
    monkeypatch.setattr(
        job.stepper.family, "predict", lambda *given: (heard.append(given[2]), honest(*given))[1]
    )
    job.stepper.take(next(job.data.feed.batches(0, 1)))
    (told,) = heard
    pipeline = DiffusionPipeline.from_pretrained(str(model))
    states, _, *pooled = pipeline.encode_prompt(
        "", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False
    )
    assert torch.allclose(told.states, states.expand(2, -1, -1), atol=1e-5)
    assert bool(pooled) == (told.pooled is not None)
    assert told.pooled is None or torch.allclose(told.pooled, pooled[0].expand(2, -1), atol=1e-5)


@pytest.mark.parametrize("max_tokens", [75, 225])
def test_weights_scale_the_states_of_their_words(model, max_tokens) -> None:
    """S025: of the words within, in every chunk; marks, padding and pooled text stay; no mean is restored."""
    family = family_of(model, weighted=True, max_tokens=max_tokens)
    plain, told = (condition(family, [text]) for text in ("red cat, blue dog", "red (cat:1.5), [blue] dog"))
    expected = torch.ones(max_tokens + 2)
    expected[2], expected[4] = 1.5, 1 / 1.1
    assert torch.allclose(told.states[0], plain.states[0] * expected[:, None], atol=1e-6)
    if told.pooled is not None:
        assert torch.equal(told.pooled, plain.pooled)
    if max_tokens > 75:
        filler = "cat " * 74
        far = condition(family, [filler + "red (dog:0.5) bird"]).states[0]
        near = condition(family, [filler + "red dog bird"]).states[0]
        scale = torch.ones(max_tokens + 2)
        scale[76] = 0.5
        assert torch.allclose(far, near * scale[:, None], atol=1e-6)


def test_brackets_are_plain_signs_without_the_knob(tiny_model) -> None:
    family, weighted = load_family(str(tiny_model)), family_of(tiny_model, weighted=True)
    assert not torch.equal(*(condition(family, [text]).states for text in ("a (cat:1.3)", "a cat")))
    assert family.token_count("a (cat:1.3)") > weighted.token_count("a (cat:1.3)") == 2
    assert (family.trained_text_length, family_of(tiny_model, max_tokens=225).trained_text_length) == (
        75,
        225,
    )


def test_gradients_reach_the_text_adapter_through_chunks_and_weights(model) -> None:
    """Also where only the second chunk of a caption differs."""
    family = family_of(model, weighted=True, max_tokens=150)
    adapter = attach(family.adapter_roots, Adapter(rank=2, alpha=2.0), Optimizer(), seed=1)
    for weight in adapter.weights:
        weight.data.uniform_(-0.1, 0.1)
    states = condition(family, ["(" + LONG + ":1.2)"]).states
    states[:, 76:].square().sum().backward()
    downs = [weight for weight in adapter.groups[1].weights if weight.grad is not None]
    assert sum(bool(weight.grad.any()) for weight in downs) > 0.8 * len(downs) > 0


def test_samples_are_made_with_weights_and_long_prompts(model) -> None:
    """The negative prompt is padded to as many chunks."""
    family = family_of(model, weighted=True, max_tokens=150)

    def picture(prompt: str, negative: str = "") -> np.ndarray:
        wanted = Wanted(prompt, negative, 3, 2, 4.0, 64, 64, "ddim")
        return np.asarray(make_picture(family, wanted, torch.device("cpu"), lambda: True))

    plain = picture("cat " * 80 + "dog")
    assert (plain != picture("cat " * 80 + "bird")).any()
    assert (plain != picture("cat " * 80 + "(dog:3)")).any()
    assert (plain != picture("cat " * 80 + "dog", "(blurry:2)")).any()


@pytest.mark.parametrize("knob", ["text.weighted_captions=true", "text.max_tokens=150"])
def test_a_run_trains_and_measures_with_it(make_run, work, events_of, frozen, knob) -> None:
    """The knob reaches training, evaluation and what the file says of itself."""
    from curator.contract.caption.captions import CaptionRules

    is_long = "150" in knob
    rules = CaptionRules(trigger="(sls:1.4)", prefix="one of very many words " * 16 if is_long else "")
    sets = ("length.steps=2", "evaluate.images=1", "optimizer.text_lr=1e-2")
    runs = [
        make_run(*sets, *more, frozen=frozen(rules=rules), name=f"r{len(more)}") for more in ((), (knob,))
    ]
    files, losses = [], []
    for run in runs:
        assert work(run) == 0
        files.append(read_lora(run.output_dir / f"{run.info().name}.safetensors"))
        losses.append(next(event.loss for event in events_of(run) if isinstance(event, Evaluated)))
    assert losses[0] != losses[1]
    name = next(name for name in files[0][0] if name.startswith("lora_te") and name.endswith("up.weight"))
    assert not torch.equal(files[0][0][name], files[1][0][name])
    lengths = [metadata["ss_max_token_length"] for _, metadata in files]
    assert lengths == ["None", "150" if is_long else "None"]
    warned = [
        any(isinstance(event, Warned) and "tokens long" in event.what for event in events_of(run))
        for run in runs
    ]
    assert warned == [is_long, False]


def test_brackets_that_mislead_are_named_at_the_start(make_run, work, events_of, frozen) -> None:
    """S025: with the image's name; not where brackets are plain signs."""
    from curator.contract.caption.captions import CaptionRules

    rules = CaptionRules(shuffle=True, trigger="(sls")
    for knob, count in (("text.weighted_captions=true", 1), ("text.weighted_captions=false", 0)):
        run = make_run("length.steps=1", knob, frozen=frozen(rules=rules))
        assert work(run) == 0
        warned = [
            event for event in events_of(run) if isinstance(event, Warned) and "never closed" in event.what
        ]
        assert len(warned) == count
        assert all(".png: a '('" in event.what for event in warned)
        assert all("(and 8 more captions)" in event.what for event in warned)
