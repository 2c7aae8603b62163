# %% [markdown]
# # Template · Compare two ways to multiply
#
# **You'll do**: time one matrix product in two number formats. **You'll learn**: how a lesson predicts, measures and
# explains. **You need**: nothing before it, 5 minutes.

# %%
import time

import numpy

from f5lite.evidence import explain
from f5lite.evidence.ledger import Ledger
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons import lesson_template as check
from f5lite.machine import quick

ledger = Ledger()

# %% [markdown]
# A product of two matrices in float32 moves half the bytes that float64 moves. Does it take half the time? Before you
# measure, guess: how much of the time goes away, in percent? The cell below keeps your number beside the result.

# %%
guess = ledger.predict(
    "template", 50, question="How much less time does float32 take?", unit="%", typed=False
)
print(guess.details["value"], guess.details["unit"])

# %% [markdown]
# Now measure. The two formats take turns, so that whatever else the machine does disturbs both alike. Each pair of
# neighbouring runs gives one ratio, and the spread of those pairs says how sure the answer is.


# %%
def one_product(dtype):
    """Seconds for one product of two square matrices."""
    a = numpy.ones((256 if quick() else 512,) * 2, dtype)
    begin = time.perf_counter()
    a @ a
    return time.perf_counter() - begin


# %%
one_product("float32"), one_product("float64")  # a warm-up, so that no figure pays for the first call
pairs = [(one_product("float64"), one_product("float32")) for _ in range(9)]
slow = Measurement.of("float64", [pair[0] for pair in pairs], "s", interleaved=True)
fast = Measurement.of("float32", [pair[1] for pair in pairs], "s", interleaved=True)

# %% [markdown]
# The next cell prints one of three texts, chosen by your own figures: for a shorter time, for a longer one, and for a
# difference that these runs can't show. Your guess stands beside it. Nothing in it was written before you ran it.

# %%
print(explain.tell("template/product", slow, fast, guess=guess))

# %% [markdown]
# ## Your turn · 3 minutes · ●○○
#
# Write the function that turns two figures into the share that went away. The check says what is still missing, and
# running the whole notebook never stops at an exercise that you haven't done yet. The hint and the solution are folded.


# %% tags=["exercise"]
def share(before, after):
    """The share of `before` that went away."""
    raise NotImplementedError  # your lines here


check.share(share)

# %% [markdown] tags=["hint"]
# What went away is the difference of the two. A share compares it with what was there at first.


# %% tags=["solution"]
def share(before, after):
    """The share of `before` that went away."""
    return (before - after) / before


# %% [markdown]
# Last, write the figures to the ledger. It keeps them with your machine, the versions, the repeats and their spread,
# and a later lesson can read them. It never asks for them: every lesson also runs without the earlier ones.

# %%
entry = ledger.record("template", slow, fast, note="a matrix product")
print(len(entry.figures), "figures kept")
