# %% [markdown]
# # 01 · Anatomy: find where the bytes are
#
# **You'll do**: work out a model's size from its configuration, count it in the file, and time it.
# **You'll learn**: which parts are worth shrinking, and whether the article's starting point is right.
# **You need**: lesson 00, 10 minutes.

# %%
from f5lite import lab
from f5lite.evidence import workload
from f5lite.lab.lessons import lesson_01 as helpers
from f5lite.memory import meter

lab.start("01")

# %% [markdown]
# F5-TTS speaks in three [stages](glossary.md#stage). *Text* turns letters into vectors, the *acoustic model* turns noise into
# a [mel spectrogram](glossary.md#mel) in several passes, the *vocoder* turns that into a wave. The article splits them, so
# that only one is in memory at a time. How much can that free at most?

# %%
guess = lab.predict(
    "01/split", "How many percent of the weights can be unloaded at best?", default=50, unit="%"
)
guess

# %% [markdown]
# A [configuration](glossary.md#weights), which says how many layers of which size there are, is enough to work out every
# layer's weights: a linear layer from 1,024 to 6,144 channels has 1,024 × 6,144 weights and 6,144 biases, four bytes each
# as 32-bit numbers ([fp32](glossary.md#fp32)).

# %% [markdown]
# In the picture below areas are bytes; the list above it changes the model. The acoustic model is a stack of
# [blocks](glossary.md#block). *Attention* lets their frames, slices of 1/94 second, look at each other, *feed-forward* works on
# each frame alone, and *AdaLN* tells both how far the sound is on its way from noise.
#
# The vocoder, a file of its own, is counted in. The 1,348 MB of the question are without it.

# %%
lab.explore(helpers.bytes_of, lab.choice("shape", "v1 Base", "v1 Small", "the bundled one"))

# %%
freed, adaln = helpers.split()
lab.compare(
    guess,
    100.0,
    100 - freed.median,
    names=("all three stages", "the largest one"),
    title="Weights that must be there",
    unit="%",
)

# %%
lab.explain("01/split", freed, adaln)

# %% [markdown]
# An estimate is a guess until it is checked. The next cell writes files with the real shape, the vocoder's included, and
# [seeded weights](glossary.md#seeded): the same bytes and the same arithmetic as the published ones, but random numbers, so
# they can't speak. Nothing is downloaded. Then the cell counts what the files' headers list.

# %%
work = workload.here()
print(work.note or "The whole model, as published.")
with lab.progress("writing the seeded weights", 1) as done:
    folder = workload.prepare(work.config)
estimate, file = helpers.estimate_and_file(work.config, folder)
lab.explain("01/agree", estimate, file)

# %% [markdown]
# ## Bytes are not work
#
# AdaLN is large but hardly works. A [pass](glossary.md#pass) runs the acoustic model once, on a pair: with the text and
# without it. AdaLN sees one vector a pass, attention and feed-forward every frame of the pair. The bars count floating-point
# operations, in millions of millions (TFLOP). Move the sliders: what grows with the steps, and what grows faster than the
# frames?

# %%
frames = lab.control("frames", 128, 4096, 512, step=128)
lab.explore(helpers.work_of, frames, lab.control("steps", 1, 64, 32))

# %% [markdown]
# ## Test the article's starting point
#
# The article begins at 1200 MB and 2.5 seconds, on a phone. Two requests run in processes of their own, which tells their
# [peak](glossary.md#peak) of memory on your machine; one pass is repeated, which tells the time. A whole utterance (reference
# and new speech, 5.5 seconds together at 512 frames) is computed: 32 passes, then the vocoder.

# %%
runs = []
with lab.progress("two requests, then six passes", 3) as done:
    for _ in range(2):
        runs.append(meter.isolated(workload.request, folder, work.frames))
        done()
    passes = workload.pass_times(folder, work.frames)  # five, after one that isn't counted
rest = runs[-1].result["text"] + runs[-1].result["vocoder"]
utterance = [workload.utterance_seconds([one], 32, rest) for one in passes]
figures = helpers.baseline(work, [run.peak_rss_mb for run in runs], utterance)
lab.ledger.record("baseline", *figures, note="computed: 32 steps × pass")
lab.verdict("baseline")

# %% [markdown]
# ## Your turn · 4 minutes · ●●○
#
# Each block's [attention](glossary.md#attention) has four linear layers, for q, k, v and the output, all from `dim` to `dim`
# channels. How many weights, biases included, is that in a model of `depth` blocks? Write the function's line in place of
# `raise`; the check compares its answer with the file.


# %% tags=["exercise"]
def attention_weights(dim, depth):
    """Weights and biases of all attention layers."""
    raise NotImplementedError  # your lines here


lab.check.attention_weights(attention_weights)

# %% [markdown] tags=["hint"]
# A linear layer has a matrix and a bias, one number for each of its outputs.


# %% tags=["solution"]
def attention_weights(dim, depth):
    """Weights and biases of all attention layers."""
    return depth * 4 * (dim * dim + dim)


# %%
display(lab.found(), lab.way())
