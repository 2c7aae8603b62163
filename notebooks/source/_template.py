# %% [markdown]
# # Template · Keep numbers in fewer bits
#
# **You'll do**: time a product, hear a voice in four bits, and see every element that a lesson can show.
# **You'll learn**: how a lesson predicts, measures, explains and lets you listen; copy this file to write one.
# **You need**: nothing before it, and no model. 6 minutes.

# %%
import time

import numpy
import psutil
from IPython.display import display

from f5lite import lab
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons import lesson_template as helpers
from f5lite.machine import quick

lab.start("template")

# %% [markdown]
# A product of two matrices in float32 moves half the bytes that float64 moves. Does it take half the time? Before you
# measure, guess. A guess that you type is kept in your ledger and scored; one left at its default is only shown.

# %%
guess = lab.predict("template", "How much of the time goes away with float32?", default=50, unit="%")
guess

# %% [markdown]
# Now measure. The two formats take turns, so that whatever else the machine does disturbs both alike. Each pair of
# neighbouring runs gives one ratio, and the spread of those pairs says how sure the answer is.


# %%
def one_product(dtype):
    """Seconds for one product of two square matrices."""
    a = numpy.ones((256 if quick() else 640,) * 2, dtype)
    begin = time.perf_counter()
    a @ a
    return time.perf_counter() - begin


# %%
one_product("float32"), one_product("float64")  # a warm-up, so that no figure pays for the first call
pairs = [(one_product("float64"), one_product("float32")) for _ in range(9)]
slow = Measurement.of("float64", [1000 * pair[0] for pair in pairs], "ms", interleaved=True)
fast = Measurement.of("float32", [1000 * pair[1] for pair in pairs], "ms", interleaved=True)
lab.compare(guess, slow, fast, names=("float64", "float32"), title="Time of the product")

# %% [markdown]
# The next cell shows one of three texts, chosen by your own figures: for a shorter time, for a longer one, and for a
# difference that these runs can't show. Your guess stands beside it. Nothing in it was written before you ran it.

# %%
lab.explain("template/product", slow, fast, guess=guess)

# %% [markdown]
# ## Listen
#
# Where sound may change, you hear before and after. Both versions share one time axis and keep their loudness. Start the
# second while the first plays: it goes on at the same place, so that your ear compares the same word.

# %%
voice = helpers.voice()
coarse = helpers.in_bits(voice, 4)
lab.listen({"as recorded, 16 bits": voice, "rounded to 4 bits": coarse})

# %% [markdown]
# ## See where the bytes are
#
# A picture comes with a sentence for those who can't see it, and with its figures as a table. Areas here are in
# proportion to bytes. Rest the pointer on a piece to read it, or open the table below.

# %%
weights = {
    "attention": {"q, k, v": 12.6, "out": 4.2},
    "feed-forward": {"in": 8.4, "out": 8.4},
    "modulation": 25.2,
    "norms": 0.4,
}
lab.anatomy(weights, title="Bytes of one block with 1,024 channels, in float32")

# %% [markdown]
# ## Move something
#
# What follows is computed, not measured, so it can follow a slider. Use the arrow keys or the pointer. The figure is also
# drawn once without its slider, for pages that can't run anything.


# %%
def size(bits):
    """Megabytes of that block when every number takes `bits` bits."""
    whole = 59.2
    return lab.bars(
        {"32 bits": whole, f"{bits} bits": whole * bits / 32},
        title="Size of the block",
        unit="MB",
        mark=("budget", 20),
    )


lab.explore(size, lab.control("bits", 2, 32, 8, unit="bits"))

# %% [markdown]
# ## Watch something
#
# A live chart samples a figure five times a second while a cell works, and ends with it. Afterwards the arrow keys read
# single samples. The picture that stays in the notebook is an ordinary chart with its table.

# %%
process, kept = psutil.Process(), []
with lab.live(
    lambda: process.memory_info().rss / 1e6, title="Memory of this notebook", unit="MB"
) as recording:
    for _ in range(4 if quick() else 12):
        kept.append(numpy.ones(1_000_000))  # 8 MB more at every turn
        time.sleep(0.25)
kept.clear()

# %% [markdown]
# ## More charts
#
# Lines are labelled where they end, points where they are. A memory timeline puts what can't be given back at the
# bottom, what can above it, and the limit across. All of them take plain numbers and return a figure.

# %%
sizes = [64, 128, 256, 512]
lab.lines(
    sizes,
    {"float64": [8 * n * n / 1e6 for n in sizes], "float32": [4 * n * n / 1e6 for n in sizes]},
    title="Bytes of a square matrix",
    x_label="rows",
    y_label="MB",
)

# %%
points = [("float64", 8, 53), ("float32", 4, 24), ("bfloat16", 2, 8), ("float16", 2, 11)]
lab.scatter(
    points,
    title="What a format gives for its bytes",
    x_label="bytes",
    y_label="bits of precision",
    highlight=["bfloat16"],
)

# %%
seconds = [0, 1, 2, 3, 4, 5, 6]
parts = {"anonymous": [40, 40, 90, 95, 95, 60, 45], "file-backed": [10, 60, 120, 120, 118, 50, 20]}
lab.memory_timeline(
    seconds, parts, title="One request, made up", limit=260, marks=[(1, "load"), (3, "speak"), (5, "release")]
)

# %% [markdown]
# ## Your turn · 3 minutes · ●○○
#
# Write the function that turns two figures into the share that went away. The check says what is still missing, and
# running the whole notebook never stops at an exercise that you haven't done yet. The hint and the solution are folded.


# %% tags=["exercise"]
def share(before, after):
    """The share of `before` that went away."""
    raise NotImplementedError  # your lines here


lab.check.share(share)

# %% [markdown] tags=["hint"]
# What went away is the difference of the two. A share compares it with what was there at first.


# %% tags=["solution"]
def share(before, after):
    """The share of `before` that went away."""
    return (before - after) / before


# %% [markdown]
# Last, write the figures to the ledger. It keeps them with your machine, the versions, the repeats and their spread, and a
# later lesson can read them. It never asks for them: every lesson also runs without the earlier ones.

# %%
lab.ledger.record("template", slow, fast, note="a matrix product")
lab.ledger_buttons()

# %% [markdown]
# A claim of the article gets its verdict from the ledger: holds, exceeded, does not hold, or can't tell, always with the
# figures that decided. What you have found so far, and the way on, close every lesson.

# %%
lab.verdict("int8-size")

# %%
display(lab.found(), lab.way())
