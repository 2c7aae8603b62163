# %% [markdown]
# # 08 · Climb the ladder
#
# - **You'll do**: measure the article's table rung by rung, and set every claim against what you found.
# - **You'll learn**: which technique did what, which claims hold here, and how to choose when you can't have everything.
# - **You need**: lesson 05, 15 minutes.

# %%
from f5lite import lab
from f5lite.lab.lessons import lesson_08 as helpers

lab.start("08")

# %% [markdown]
# The article ends with a table: what its three techniques do together.
#
# | | memory | time |
# |---|---|---|
# | the original model | 1200 MB | 2.5 s |
# | with 8-bit parameters | 480 MB | 1.5 s |
# | with all three | 360 MB (−70 %) | 0.8 s (−68 %) |
#
# No machine is named, no length of text, and no way of measuring. The megabytes and seconds can't be repeated; the two
# percentages can be tested. Guess for your machine.

# %%
memory_guess = lab.predict("08/memory", "How many percent less memory than upstream?", default=70, unit="%")
memory_guess

# %%
time_guess = lab.predict("08/time", "How many percent less time than upstream?", default=68, unit="%")
time_guess

# %% [markdown]
# ## The rungs
#
# Each rung adds one technique to the one before. The first is the `f5-tts` package as it comes, with its own classes and loader.
# The fifth is the article's last. The three after it are not in the article; lesson 09 is about them.

# %%
helpers.rungs()

# %% [markdown]
# ## Climb
#
# Every rung speaks in a process of its own, and the rungs take turns, so that a busy minute doesn't fall on one of them. A whole
# utterance of 32 steps takes long, so each turn makes two passes, and the rest is worked out from them. In a terminal,
# `f5lite ladder` climbs the whole model and speaks whole utterances beside; if you have done that, it is shown here.

# %%
with lab.progress("climbing", 30) as bar:
    ladder = helpers.climb(bar.at)
display(helpers.which(ladder), helpers.whole_table(ladder))

# %%
helpers.notes(ladder)

# %% [markdown]
# ## Memory
#
# Upstream has two peaks. While loading it builds a model of random numbers and then reads the checkpoint beside it. While
# speaking it holds one model. The comparison below is the strict one: upstream's lower peak against ours with loading in it.

# %%
helpers.memory_picture(ladder)

# %%
before, after, loading = helpers.memories(ladder)
helpers.compared(memory_guess, before, after, "The peak")

# %%
lab.explain("08/memory", before, after, loading)

# %% [markdown]
# ## Time
#
# The time of one utterance, from text to wave, with the model loaded. A technique that makes a pass cheaper counts once in every
# step; one that makes fewer steps counts beside all the others.

# %%
helpers.time_picture(ladder)

# %%
slow, fast = helpers.times(ladder)
helpers.compared(time_guess, slow, fast, "The time")

# %%
lab.explain("08/time", slow, fast)

# %%
lab.explain("08/last", *helpers.ours(ladder))

# %% [markdown]
# ## Crash or not
#
# The article promises an end to crashes. A crash can be provoked: give a request a cap, and enforce it. The cap counts what the
# request takes over its imports. Where the system lets us make a control group, mapped pages count too; else private memory
# alone does, and the heading says which.

# %%
helpers.caps(ladder)

# %%
lab.explain("08/caps", *helpers.survival(ladder))

# %% [markdown]
# ## Listen, and choose
#
# Sound needs trained weights, so this is the bundled voice, in three of the ways above and from one seed. A choice between the
# rungs is a choice between memory, time and words that are understood.

# %%
lab.listen(helpers.say("the river runs to the sea"))

# %%
lab.explain("08/sound", *helpers.sounds())

# %%
helpers.trade(ladder)

# %% [markdown]
# A rung that another one beats in both memory and time is worth nothing by itself; it is there to show what its technique does.
# Among the filled points there is no best one. Which of them you take follows from your budget, and that is what `plan_for` in
# lesson 04 does.

# %% [markdown]
# ## Your turn · 3 minutes · ●○○
#
# The article counts in percent less time, others in times faster. Translate one into the other. What sounds like a small step,
# from 68 to 92 percent, may surprise you.


# %% tags=["exercise"]
def times_faster(percent):
    """How many times as fast something is that takes `percent` percent less time."""
    raise NotImplementedError  # your lines here


lab.check.times_faster(times_faster)

# %% [markdown] tags=["hint"]
# What share of the time is left? How often does that fit into the whole?


# %% tags=["solution"]
def times_faster(percent):
    """How many times as fast something is that takes `percent` percent less time."""
    return 1 / (1 - percent / 100)


# %% [markdown]
# ## Your turn · 8 minutes · ●●○
#
# Find the points that are worth choosing from. Each has a name, megabytes and seconds. One point beats another if it is no worse
# in either and better in one. Return the names of those that nothing beats.


# %% tags=["exercise"]
def unbeaten(points):
    """Names of the points (name, MB, seconds) that no other point beats."""
    raise NotImplementedError  # your lines here


lab.check.unbeaten(unbeaten)

# %% [markdown] tags=["hint"]
# Write a small function `beats(one, other)` first. A point stays if `any(...)` over all the others is false.


# %% tags=["solution"]
def unbeaten(points):
    """Names of the points (name, MB, seconds) that no other point beats."""

    def beats(one, other):
        return one[1] <= other[1] and one[2] <= other[2] and one[1:] != other[1:]

    return [point[0] for point in points if not any(beats(other, point) for other in points)]


# %% [markdown]
# ## Claim by claim
#
# Now everything that you measured in this course is set against everything that the article says. What no lesson has measured
# here yet is named, with the lesson that does.

# %%
helpers.record(ladder)
helpers.claims(ladder)

# %% [markdown]
# A claim about the whole shows its own verdict below. Your guesses come after it: those that you left as they were are listed,
# and aren't scored.

# %%
for claim in ("title", "all-memory", "all-time", "experience"):
    display(lab.verdict(claim))

# %%
helpers.guesses()

# %% [markdown]
# `f5lite ladder --html ladder.html` writes all of this as a page that stands alone, for a colleague or a website. It names your
# processor, and nothing else about you. Your ledger goes with you through the buttons below.

# %%
display(lab.ledger_buttons(), lab.found(), lab.way())
