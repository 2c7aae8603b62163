# %% [markdown]
# # 03 · Load three stages on demand
#
# **You'll do**: load each stage when its turn comes, release it after use, and watch the memory come back.
# **You'll learn**: what splitting a model saves, what it can't save, and what it costs.
# **You need**: lessons 01 and 02, 12 minutes.

# %%
import f5lite
from f5lite import lab
from f5lite.evidence import workload
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons import lesson_03 as helpers

lab.start("03")

# %% [markdown]
# The article's first technique is to load a module when it is needed and to release it afterwards. It expects the *average*
# memory to fall a lot. There are three stages: text, acoustic model, vocoder. Before you measure, guess about the *peak*.

# %%
guess = lab.predict(
    "03/peak",
    "How many percent lower is the peak with only one stage in memory at a time?",
    default=50,
    unit="%",
)
guess

# %% [markdown]
# A stage is a handle: an object that stands for weights which may be there or not. Opening it loads them; leaving the `with`
# block releases them, if its [residency](glossary.md#resident) says so. This is the bundled model's vocoder; try `small.text` and
# `small.acoustic`.

# %%
small = f5lite.load("tiny", residency="on-demand")
with small.vocoder as vocoder:
    print(f"in the block: {small.vocoder.bytes / 1e6:.1f} MB of weights")
print(f"after it: {small.vocoder.bytes / 1e6:.1f} MB")

# %% [markdown]
# ## Serve requests with pauses
#
# Now the published shape. A process of its own answers short requests, with a pause after each, and keeps all stages. A second
# one does the same and releases each stage after use. The meter watches both from outside.

# %%
work = workload.here()
folder = workload.prepare(work.config)
print(work.note or "The whole model, as published.")
with lab.progress("two ways to serve requests", 2) as done:
    kept = helpers.serve(folder, "resident")
    done()
    released = helpers.serve(folder, "on-demand")
    done()

# %% [markdown]
# Here is what was in memory when, for the first two requests. The largest area is the acoustic model. In the second picture
# no two stages are ever there together.

# %%
helpers.stages_over_time(kept)

# %%
helpers.stages_over_time(released)

# %%
peak_kept, average_kept, wait_kept = helpers.figures(kept, "kept")
peak_released, average_released, wait_released = helpers.figures(released, "on demand")
names = ("kept", "on demand")
lab.compare(guess, peak_kept, peak_released, names=names, title="Peak of a request")

# %%
lab.explain("03/peak", peak_kept, peak_released, guess=guess)

# %% [markdown]
# ## Average against peak
#
# The peak decides whether a request fits at all. The average decides how much room is left for everything else on the phone.
# All figures stand in one picture; open its table for the waits and for the anonymous part.

# %%
helpers.table(kept, released)

# %%
lab.explain("03/average", average_kept, average_released)

# %% [markdown]
# The pictures above showed weights, as the stages noted them. This one shows memory as the system counted it, over the whole
# run. Between requests you see what releasing gives back, and what stays behind.

# %%
helpers.measured_memory(released)

# %% [markdown]
# Nothing is free: what was released has to come back. How long does a request wait for its sound when each stage is loaded
# anew?

# %%
lab.explain("03/delay", wait_kept, wait_released)

# %%
lab.ledger.record(
    "on-demand",
    average_kept.renamed("resident_average"),
    average_released.renamed("on_demand_average"),
)
lab.ledger.record("three-stages", *helpers.stage_bytes(), note="computed for the published shape")
display(lab.verdict("on-demand"), lab.verdict("three-stages"))

# %% [markdown]
# ## One sentence at a time
#
# The article also says that features can be switched off when there is only one sentence, and points to `cfm.py`. There,
# sentences of a [batch](glossary.md#batch) are padded to the longest and masked. So: one sentence alone, the same one padded
# and masked, and a true batch of two, whose second sentence is half as long again. What does each need beside the weights,
# which are mapped here?

# %%
ways = helpers.batches(folder, work.frames // 4)
helpers.side_by_side(ways)

# %%
masked, unmasked = ways["padded, masked"].memory, ways["alone"].memory
lab.explain("03/sentence", masked, unmasked)

# %%
lab.explain("03/pair", ways["alone"].each, ways["two together"].each)

# %%
masked, unmasked = masked.renamed("masked_peak"), unmasked.renamed("unmasked_peak")
lab.ledger.record("single-sentence", masked, unmasked, note="anonymous memory, weights mapped")
lab.verdict("single-sentence")

# %% [markdown]
# ## Listen
#
# Does loading later change the sound? Both versions come from the bundled voice, with the same seed. The text below compares
# their samples; your ears may compare the rest.

# %%
sentence = "the train leaves on monday"
settings = {"steps": 7, "seed": 5}
before = f5lite.load("tiny").speak(sentence, **settings)
after = small.speak(sentence, **settings)
lab.listen({"stages kept": before, "stages on demand": after})

# %%
lab.explain("03/same", Measurement.fact("same", bool((before.wave == after.wave).all())))

# %% [markdown]
# ## Your turn · 5 minutes · ●●○
#
# A middle way: keep the stages that are cheap to hold, release the rest. A handle knows its `name`, whether it is `loaded`,
# and `release()` returns the bytes of the weights that went.


# %% tags=["exercise"]
def keep_only(stages, names):
    """Release every stage whose name is not in `names`. Return the megabytes that came back."""
    raise NotImplementedError  # your lines here


lab.check.keep_only(keep_only)

# %% [markdown] tags=["hint"]
# Go through the stages, leave out those that are named, and add up what `release()` returns. It gives bytes.


# %% tags=["solution"]
def keep_only(stages, names):
    """Release every stage whose name is not in `names`. Return the megabytes that came back."""
    return sum(stage.release() for stage in stages if stage.name not in names) / 1e6


# %% [markdown]
# Upstream's own way of loading belongs in this comparison. It needs that package, so it isn't run here: `python -m
# benchmarks.three_stages`, in the repository, puts it in the same table. Next comes the question of what should run when
# memory is short.

# %%
display(lab.found(), lab.way())
