# %% [markdown]
# # 05 · Count the bytes of int8
#
# **You'll do**: convert a model to 8 bits, weigh the file, and measure its peak while it loads and speaks.
# **You'll learn**: what is a quarter of what, where the rest goes, and why a small file can still need much memory.
# **You need**: lesson 02, 12 minutes.

# %%
import f5lite
from f5lite import lab
from f5lite.evidence import workload
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons import lesson_05 as helpers

lab.start("05")

# %% [markdown]
# A weight in fp32 takes four bytes. In int8 it takes one: a whole number from −127 to 127, times a scale that its row shares.
# The article promises a model of a quarter of the size, and an application that needs much less memory. Guess about the
# memory, since the file is easy.

# %%
guess = lab.predict(
    "05/peak",
    "How many percent lower is the peak with an int8 file, loading included?",
    default=60,
    unit="%",
)
guess

# %% [markdown]
# ## Convert
#
# `f5lite convert SRC DST` reads one tensor at a time, writes it in 8 bits, reads the result back and compares. Here it is as a
# call, on seeded weights in the published shape: the bytes and the arithmetic are the real model's, the sound isn't. It is done
# once and kept.

# %%
work = workload.here()
print(work.note or "The whole model, as published.")
with lab.progress("preparing", 2) as done:
    source = workload.prepare(work.config)
    done()
    folder = helpers.convert(source)
    done()

# %% [markdown]
# Not everything becomes int8. What is small, or what every block depends on, stays more precise. And AdaLN isn't kept at all:
# its layers see the time step and nothing else, so for a known time grid their answers are a table.

# %%
helpers.decisions()

# %%
helpers.table_picture()

# %% [markdown]
# ## Weigh
#
# Two questions hide in "a quarter": what happened to a linear layer, and what happened to the file? Both are bytes that can be
# counted, so one look is enough, and the verdict below needs no repeats.

# %%
linear_fp32, linear_int8, file_fp32, file_int8 = helpers.size_figures(folder)
lab.bars({"fp32": file_fp32, "int8": file_int8}, title="The file of text and acoustic model", unit="MB")

# %%
lab.explain("05/size", file_fp32, file_int8)

# %%
lab.ledger.record("int8-size", linear_fp32, linear_int8, file_fp32, file_int8, shape=work.config.name)
lab.verdict("int8-size")

# %% [markdown]
# ## Measure the peak
#
# A small file is worth little if loading it needs more than it saves. Three processes answer the same short requests: fp32 kept
# in memory; int8 used from the mapped file, stages on demand; int8 streamed, where each block's pages are dropped after its
# turn. So this is all that the conversion makes possible, AdaLN's table included; lesson 08 adds one thing at a time.

# %%
with lab.progress("requests, three ways", len(helpers.WAYS)) as done:
    ways = [(helpers.serve(source if "fp32" in name else folder, name), done())[0] for name in helpers.WAYS]
fp32_peak, int8_peak = helpers.peaks(ways[0], "fp32_peak"), helpers.peaks(ways[1], "int8_peak")
lab.compare(guess, fp32_peak, int8_peak, names=("fp32", "int8"), title="Peak of a request")

# %%
lab.explain("05/peak", fp32_peak, int8_peak, guess=guess)

# %%
lab.ledger.record("int8-memory", fp32_peak, int8_peak, shape=work.config.name, note="mapped, on demand")
lab.verdict("int8-memory")

# %% [markdown]
# ## Why libraries need more
#
# Libraries for int8 change a model that is loaded already. The next cell does what their documentation says, on the acoustic
# stage alone, and puts the peaks beside ours. Open the table for the part that can't be given back.

# %%
libraries = helpers.library_runs(source)
helpers.memory_picture(ways, libraries)

# %%
found = [run.peak_rss_mb for run in libraries.values() if not isinstance(run, str)]
lowest = Measurement.of("library_peak", min(found), "MB") if found else None
lab.explain("05/libraries", fp32_peak, lowest or Measurement.none("library_peak", "none measured", "MB"))

# %% [markdown]
# ## Share a scale with whom?
#
# A scale is set by the largest number it serves. One outlier makes it coarse for all the others. The picture plants a few large
# rows and some loud tokens, and shares scales in three ways.

# %%
helpers.schemes()

# %% [markdown]
# ## An 8-bit optimiser
#
# The article reads a line in `trainer.py`, which offers bitsandbytes' 8-bit AdamW, as a sign that the model is ready for 8 bits.
# Train a layer both ways, and look at what would be saved.

# %%
listing, fact = helpers.optimisers()
listing

# %%
lab.ledger.record("trainer-ready", fact)
lab.verdict("trainer-ready")

# %% [markdown]
# ## Listen
#
# Sound needs trained weights, so this is the bundled voice: as it ships, and converted just now. Both say the same sentence,
# from the same seed, on the same time grid. Can you tell them apart?

# %%
voice = f5lite.load("tiny")
small = f5lite.load(helpers.tiny())
sentence = "the fox runs near the window"
before = voice.speak(sentence, steps=7, seed=3)
after = small.speak(sentence, seed=3)
lab.listen({"fp32": before, "int8": after})

# %%
lab.explain("05/heard", helpers.distance(before, after))

# %% [markdown]
# ## Your turn · 3 minutes · ●○○
#
# How many MB does a linear layer take in int8, its scales included? A scale is a float32 number, and every row has one. Leave
# the bias out, since it doesn't change.


# %% tags=["exercise"]
def int8_mb(rows, columns):
    """MB (10^6 bytes) of a layer's int8 weights and scales."""
    raise NotImplementedError  # your lines here


lab.check.int8_mb(int8_mb)

# %% [markdown] tags=["hint"]
# One byte for each weight, four for each row.


# %% tags=["solution"]
def int8_mb(rows, columns):
    """MB (10^6 bytes) of a layer's int8 weights and scales."""
    return (rows * columns + 4 * rows) / 1e6


# %% [markdown]
# ## Your turn · 8 minutes · ●●○
#
# Quantise a weight yourself: the largest number of each row becomes 127 or −127, and everything else follows. Return the values
# and the scales. Mind the row that has nothing but zeros in it.


# %% tags=["exercise"]
def quantise(weight):
    """rows × columns float32 -> int8 of the same shape, and a scale for each row."""
    raise NotImplementedError  # your lines here


lab.check.quantise(quantise)

# %% [markdown] tags=["hint"]
# `weight.abs().amax(1)` has the largest number of each row. Replace a scale of zero by one, divide, round, convert.


# %% tags=["solution"]
def quantise(weight):
    """rows × columns float32 -> int8 of the same shape, and a scale for each row."""
    scale = weight.abs().amax(1) / 127
    scale[scale == 0] = 1
    return (weight / scale[:, None]).round().char(), scale


# %% [markdown]
# The bytes are settled. Whether int8 is also faster, and whether anybody hears it, are other questions: the next lesson starts
# from a conversion that is slower, and looks for the reason.

# %%
display(lab.found(), lab.way())
