# %% [markdown]
# # 07 · Change the attention
#
# **You'll do**: change the code that does the attention, measure it at five lengths, and test where it pays.
# **You'll learn**: why the score matrix never has to exist, and at which length that matters.
# **You need**: lesson 01, 10 minutes.

# %%
import f5lite
from f5lite import lab
from f5lite.evidence import attention as costs
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons import lesson_07 as helpers

lab.start("07")

# %% [markdown]
# In every block each frame looks at all the others. Every pair gets a score, a softmax turns a row of scores into weights, and
# the weights mix the values. Twice the frames make four times the scores. Below is the score matrix of one head; orange is
# what exists at one moment. Move the length, and choose a backend.

# %%
frames = lab.control("frames", 128, 4096, 1024, step=128)
lab.explore(helpers.tiles, frames, lab.choice("way", *helpers.WAYS, label="backend"))

# %% [markdown]
# `math` is the formula as it stands: it writes all scores down. `chunked` takes some rows at a time, few enough for the cache.
# `sdpa` is torch's own, on most machines a fused kernel in the manner of FlashAttention, with one tile for each thread. How much
# memory does attention save without the matrix?

# %%
guess = lab.predict("07/memory", "How many percent less memory at the longest length?", default=50, unit="%")
guess

# %% [markdown]
# ## Measure the memory
#
# Each backend runs in processes of its own, on two of the sixteen heads, at the longest length. The prediction comes from the
# configuration alone: bytes of scores, copies and result. It stands beside what the meter saw.

# %%
with lab.progress("measuring memory", 3) as done:
    memories = {name: (helpers.memory(name), done())[0] for name in ("math", "chunked", "sdpa")}
helpers.memory_picture(memories)

# %%
whole, pieces = memories["math"][1], memories["chunked"][1]
lab.compare(guess, whole, pieces, names=("math", "chunked"), title="Memory of attention")

# %%
lab.explain("07/memory", whole, pieces, guess=guess)

# %% [markdown]
# ## Measure the time
#
# Less memory for the same result: is it faster too? The backends take turns at every length. A first look, which is kept with
# your machine card, leaves out what is hopeless here. That happens: without the right instructions, half precision can take
# many times longer. `amx-bf16` and `vnni-int16`, if you see them, are f5lite's own, for processors with AMX and with VNNI.

# %%
names = costs.worth_timing()
with lab.progress("timing", len(helpers.lengths())) as done:
    rows = costs.times(helpers.lengths(), names, done=done)
helpers.time_picture(rows, memories)

# %%
short, long = helpers.ends()
fastest = helpers.best(rows, short)
slow = helpers.times_of(rows, "math", short, "math_time")
fast = helpers.times_of(rows, fastest, short, "backend_time")
lab.explain("07/time", slow, fast)

# %% [markdown]
# ## Let it choose
#
# Which backend wins depends on the processor, so `auto` measures once and keeps the answer with your machine card. Half
# precision has to gain something before it is taken, since it rounds. Here is what it takes on your machine, and why.

# %%
helpers.choices()

# %% [markdown]
# ## Listen
#
# A backend is no other model: the same seed must give the same sentence. Here it is with the whole matrix and without it, by
# the voice that comes with the package. Switching is one argument, or `with attention("chunked"):` around anything that speaks.

# %%
voice = f5lite.load("tiny")
one = voice.speak("the model speaks", seed=1, steps=7, attention="math")
two = voice.speak("the model speaks", seed=1, steps=7, attention=fastest)
lab.listen({"math": one, fastest: two})

# %%
same = helpers.same(one, two, fastest)
with lab.progress("memory of the fastest", 1) as done:
    _, held = memories[fastest] if fastest in memories else helpers.memory(fastest)
    done()
figures = slow, fast, whole.renamed("math_memory"), held.renamed("backend_memory")
note = f"{fastest}; time of {short} frames, memory of {long} with two heads"
lab.ledger.record("flash-attention", same, *figures, note=note)
lab.verdict("flash-attention")

# %% [markdown]
# ## Is it for long texts?
#
# The article says that this technique pays most on long text. First the gain: how many times faster than `math` is the best
# backend, at a short and at a long length? Then the question behind it: is attention a large part of the work at all?

# %%
gain_short, gain_long = helpers.gain_figures(rows)
lab.ledger.record("long-text", gain_short, gain_long, shape="F5TTS_v1_Base")
lab.verdict("long-text")

# %%
lab.explore(helpers.share_of_operations, lab.control("frames", 256, 8192, 512, step=256))

# %% [markdown]
# A long text is not a long matrix. Upstream cuts it at punctuation marks, so that reference and new speech together stay
# near 22 seconds; where there is no mark it doesn't cut. The picture puts the longest chunk beside other lengths, for a
# reference of eight seconds.

# %%
helpers.reach()

# %%
share = helpers.shares()
longest = Measurement.count("longest", helpers.longest(), "frames")
lab.explain("07/share", share, longest)

# %% [markdown]
# ## The three steps
#
# The article lists three: switch the backend on in the configuration, install a library for mobile, recompile the model. Each
# can be tried. A step counts here if there is something to do that has an effect.

# %%
helpers.steps_of_the_article()

# %%
there = sum(exists for _, exists, _ in helpers.steps())
lab.ledger.record("three-steps", Measurement.count("steps_that_exist", there))
lab.verdict("three-steps")

# %% [markdown]
# ## Your turn · 2 minutes · ●○○
#
# Work out the memory of the matrix before anyone measures it: one block, the guided pair, float32. The slider above gives
# examples to check yourself against, and the check below tries other numbers.


# %% tags=["exercise"]
def scores_mb(frames, heads):
    """MB (10^6 bytes) of all scores of one block."""
    raise NotImplementedError  # your lines here


lab.check.scores_mb(scores_mb)

# %% [markdown] tags=["hint"]
# Each head of each utterance has frames × frames scores, four bytes each. The pair is two utterances.


# %% tags=["solution"]
def scores_mb(frames, heads):
    """MB (10^6 bytes) of all scores of one block."""
    return 2 * heads * frames**2 * 4 / 1e6


# %% [markdown]
# ## Your turn · 8 minutes · ●●○
#
# Write `chunked` for one head. Take some rows of `q` at a time, so that the whole matrix never exists. The check compares your
# result with the formula, and looks at every tensor that your lines make.


# %% tags=["exercise"]
def in_pieces(q, k, v, rows):
    """softmax(q kᵀ / √d) v for q, k, v of n × d, `rows` rows at a time."""
    raise NotImplementedError  # your lines here


lab.check.in_pieces(in_pieces)

# %% [markdown] tags=["hint"]
# `q.split(rows)` gives the pieces, the last one shorter. A piece's scores have whole rows, so its softmax is final. Put the
# results together with `torch.cat`, or write them into a tensor made beforehand.


# %% tags=["solution"]
def in_pieces(q, k, v, rows):
    """softmax(q kᵀ / √d) v for q, k, v of n × d, `rows` rows at a time."""
    out = q.new_empty(q.shape)
    for top in range(0, len(q), rows):
        scores = q[top : top + rows] @ k.T / k.shape[1] ** 0.5
        out[top : top + rows] = scores.softmax(-1) @ v
    return out


# %% [markdown]
# On a phone's processor the question is asked again: what export gives instead of a library is in lesson 11. What your machine
# found here goes into the ladder of lesson 08, where attention stands beside the other techniques.

# %%
display(lab.found(), lab.way())
