# %% [markdown]
# # 09 · Go past the article
#
# - **You'll do**: leave out work that the article never asked about: passes, halves of passes, blocks waiting in memory.
# - **You'll learn**: which of these cost words, which cost time, and how low both figures go.
# - **You need**: lessons 05 and 06, 15 minutes.

# %%
import f5lite
from f5lite import lab
from f5lite.lab.lessons import lesson_09 as helpers

lab.start("09")

# %% [markdown]
# The article makes a [pass](glossary.md#pass) cheaper and asks no further. But why 32 passes? Why is the model asked twice in
# each, on a [guided pair](glossary.md#guidance)? And why must all [blocks](glossary.md#block) be in memory while one works?
# Take int8 with the fastest attention, the article's last word. How much of the time of its passes can go, and no more words be
# wrong than with seven steps?

# %%
question = "How many percent less time, and no more words wrong?"
guess = lab.predict("09/time", question, default=50, unit="%")
guess

# %% [markdown]
# ## Fewer steps
#
# The sampler follows a [flow](glossary.md#flow) from noise, time 0, to speech, time 1. Each [step](glossary.md#steps) looks
# where it stands, and goes straight on until the next look. Where the way bends, looks must be close together. A *grid* is the
# list of times: *swayed* ones look more often near the noise, *EPSS* are lists found by trying which looks matter least. Move
# the slider.

# %%
lab.explore(helpers.grids_picture, lab.control("steps", 5, 32, 7))

# %% [markdown]
# Which grid ends nearest to where the way leads? The bundled voice says one sentence with each, from the same noise, and once
# with many small steps. The distance to their [mel](glossary.md#mel), in dB, is what a grid got wrong.

# %%
voice = f5lite.load("tiny")
with lab.progress("following the flow", len(helpers.followed())) as done:
    found = helpers.follow(voice, done)
helpers.distance_picture(found)

# %%
lab.explain("09/grid", *helpers.at_seven(found))

# %% [markdown]
# Near isn't the same as good: many steps can lead exactly to a mumble. So words were counted beforehand, as in lesson 06: two
# hundred sentences, spoken both ways with the same noise, and a recogniser that writes down what it hears. At most one point
# more of wrong words counts as no worse. Then listen for yourself.

# %%
helpers.words("32 steps", "5 steps")

# %%
lab.explain("09/steps", helpers.seven_more_wrong())

# %%
spoken = {}
for steps in (32, 7, 5, 2):
    spoken[f"{steps} steps"] = voice.speak(helpers.SENTENCE, steps=steps, seed=1)
lab.listen(spoken)

# %% [markdown]
# ## Half a pair
#
# [Guidance](glossary.md#guidance) asks twice in every pass, with the text and without it, and goes further in the direction
# of the difference. The second question is as much arithmetic as the first: a pass has two *halves*. The second can be left out
# (`guidance=0`), or asked only at first, where the way bends most (`guided_until=0.05`). What does a pass cost without it?

# %%
folder, work = helpers.prepare()
print(work.note or "The published model's shape, in int8.")
with lab.progress("passes on a pair and on one", helpers.passes() + 1) as done:
    costs = helpers.Costs(folder, work.frames, done=done)
lab.explain("09/pair", *costs.figures())

# %%
helpers.words("guided at first", "not guided")

# %%
lab.explain("09/guidance", helpers.more_wrong("not guided"))

# %%
ways = {
    "guided": {},
    "guided at first": {"guided_until": helpers.UNTIL},
    "not guided": {"guidance": 0.0},
}
spoken = {}
for name, how in ways.items():
    spoken[name] = voice.speak(helpers.SENTENCE, steps=7, seed=1, **how)
lab.listen(spoken)

# %% [markdown]
# ## Passes times halves
#
# Both savings count at once: fewer passes, and less in each. The seconds below are computed from the passes that you just
# measured, for an utterance of 5.5 seconds (1.4 in quick mode) with its reference. The rest of a request is left out. Words were
# counted with the small voice, time with the large shape. Your guess is set against the least work that counted as no worse.

# %%
lab.bars(helpers.utterances(costs), title="All passes of an utterance, int8", unit="s")

# %%
lab.explain("09/least", *helpers.least_figures())

# %%
many, few = helpers.ends(costs)
names = ("32 steps, guided", helpers.least())
lab.compare(guess, many, few, names=names, title="Time of an utterance")

# %%
lab.explain("09/time", many, few, guess=guess)

# %% [markdown]
# ## Blocks that come and go
#
# Now memory. A file of int8 weights can be [mapped](glossary.md#mapped), so a block may be read when its turn comes and
# dropped after it: [streamed](glossary.md#resident). Lesson 05 looked at what that saves. Here is what it costs: the same
# request of two passes, both ways, in processes of their own, taking turns.

# %%
with lab.progress("requests on demand and streamed", helpers.passes()) as done:
    runs = helpers.requests(folder, work, done)
on_demand, streamed = helpers.peaks(runs)
both = {"on demand": on_demand, "streamed": streamed}
lab.bars(both, title="Peak of a request, over imports", unit="MB")

# %%
lab.explain("09/peak", on_demand, streamed)

# %%
lab.explain("09/wait", *helpers.waits(runs))

# %%
helpers.low(costs, runs)

# %% [markdown]
# Fewer steps move a point down, streaming moves it to the left. Guidance, `guided_until` and `residency` are one argument each,
# and so is `steps` of a float model. A converted file holds AdaLN's numbers for the times of one grid: for 32 steps convert with
# `--steps 32`.

# %% [markdown]
# ## Your turn · 3 minutes · ●○○
#
# Count the work of an utterance in halves. `times` are the flow times at which its passes look. A pass before `until` is guided
# and has two halves; the others have one. How many is that in all?


# %% tags=["exercise"]
def halves(times, until):
    """Halves in all: two for a pass before `until`, else one."""
    raise NotImplementedError  # your lines here


lab.check.halves(halves)

# %% [markdown] tags=["hint"]
# A pass is 2 if its time lies before `until`, else 1. Add them up.


# %% tags=["solution"]
def halves(times, until):
    """Halves in all: two for a pass before `until`, else one."""
    return sum(2 if time < until else 1 for time in times)


# %% [markdown]
# ## Your turn · 8 minutes · ●●○
#
# Write the sampler itself, for a number instead of a mel. `field(time, x)` says in which direction, and how fast, x moves at that
# moment. Look once at the beginning of each piece between two times, and go straight on to its end. `times` includes the end
# here, so there is one piece less than there are times.


# %% tags=["exercise"]
def travel(field, x, times):
    """Where x ends, following `field` along `times`."""
    raise NotImplementedError  # your lines here


lab.check.travel(travel)

# %% [markdown] tags=["hint"]
# A piece's length times the field's answer is how far x moves in it. The next piece begins where that ends.


# %% tags=["solution"]
def travel(field, x, times):
    """Where x ends, following `field` along `times`."""
    for i in range(len(times) - 1):
        x = x + (times[i + 1] - times[i]) * field(times[i], x)
    return x


# %% [markdown]
# Nothing in this lesson changed a weight. What remains is a handful of passes, each as large as the model. To go lower it must
# become another model: smaller, by leaving parts out or by teaching a student. The article calls that its outlook.

# %%
display(lab.found(), lab.way())
