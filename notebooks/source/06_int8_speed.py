# %% [markdown]
# # 06 · Int8: speed and sound
#
# **You'll do**: make a model slower with int8, find the reason, make it faster, and listen without knowing which is which.
# **You'll learn**: why small numbers aren't fast by themselves, which processors make them so, and which layers mind.
# **You need**: lesson 05, 15 minutes.

# %%
from torch.nn.functional import linear

from f5lite import lab
from f5lite.evidence import workload
from f5lite.lab.lessons import lesson_05 as bytes_helpers
from f5lite.lab.lessons import lesson_06 as helpers

lab.start("06")

# %% [markdown]
# Lesson 05 made the file small. The article adds that int8 makes the model 40 % faster. People who tried it on F5-TTS wrote the
# opposite into its issues: slower, on every machine they had. Begin with what they did. How much time does a
# [pass](glossary.md#pass) save when the weights are int8 and nothing else is changed?

# %%
guess = lab.predict(
    "06/naive", "How many percent less time with int8 weights?", default=40, unit="%", low=-100, high=100
)
guess

# %% [markdown]
# ## Convert naively
#
# An [engine](glossary.md#engine) is the code that does a layer's product. The first that comes to mind takes three lines: make
# float32 weights of the int8 ones, then go on as ever. `weight` has a row for each output, and `scale` a number for each row.


# %%
class Naive:
    """int8 weights, float32 arithmetic."""

    name = "naive"

    def linear(self, x, weight, scale, bias):
        return linear(x, weight.float() * scale[:, None], bias)


# %% [markdown]
# One block is enough to see it: a [pass](glossary.md#pass) is 22 of them and little else. Both ways take turns, on seeded
# weights in the published width. AdaLN is a table in both, so that only the products differ.

# %%
source, folder = helpers.one_block()
frames, repeats = helpers.frames(), helpers.repeats()
calls = {"fp32": helpers.Pass(source, frames), "naive": helpers.Pass(folder, frames, Naive())}
laps = helpers.race(calls, repeats)
slow, fast = helpers.lap(laps, "fp32", "fp32_block"), helpers.lap(laps, "naive", "naive_block")
lab.compare(guess, slow, fast, names=("fp32", "int8, naive"), title="Time of a block")

# %%
lab.explain("06/naive", slow, fast, guess=guess)

# %% [markdown]
# ## Ask the profiler
#
# torch can say what it spends its time on. Its list has dozens of operations, so the table below sums them up by the kind of
# work. An operation counts with its own time, without the operations that it calls; what no operation accounts for is a row
# of its own. Compare the columns, row by row.

# %%
listing, found = helpers.profiles(calls)
listing

# %%
lab.explain("06/where", *helpers.grown(found["fp32"], found["naive"]))

# %% [markdown]
# ## Multiply in 8 bits
#
# The engines of f5lite that can run on your processor race against fp32 and the naive way. An integer engine rounds each
# [token](glossary.md#token) to integers too, with a [scale](glossary.md#quantise) and a zero point (the integer that stands for
# 0) of its own. How much time will the fastest of them save in a whole pass?

# %%
guess = lab.predict(
    "06/pass", "How many percent less time with the best engine?", default=40, unit="%", low=-100, high=100
)
guess

# %%
for name in helpers.candidates():
    calls[name] = helpers.Pass(folder, frames, name)
with lab.progress("racing", len(calls) + repeats) as done:
    laps = helpers.race(calls, repeats, done)
helpers.race_picture(laps)

# %% [markdown]
# Open the table: how far each engine's answer is from fp32's, and who can't run here, with the reason. With seeded weights most
# of an error drowns in what passes the block by; `f5lite engines` shows that of the block alone. On another processor the order
# is another one. `auto`, which you get if you name no engine, times one block at its first use and keeps the answer.

# %%
helpers.taken()

# %% [markdown]
# Now the profile of the winner, beside the two that you know. Which work became shorter, and what came on top? Some engines
# pack weights before they multiply. `fused`, where it runs, works in compiled code that torch doesn't see.

# %%
best = helpers.best(laps)
helpers.profiles({name: calls[name] for name in ("fp32", "naive", best)})[0]

# %% [markdown]
# ## Time a whole pass
#
# Attention, norms and everything else aren't products: where they stay as they are, a pass gains less than its products do.
# Measure it with the fastest engine: the whole model where your machine has room for it, in pairs.

# %%
work = workload.here()
print(work.note or "The whole model, as published.")
with lab.progress("passes in fp32 and int8", helpers.pairs() + 2) as done:
    whole = workload.prepare(work.config)
    pair = {"fp32": helpers.Pass(whole, work.frames)}
    pair["int8"] = helpers.Pass(bytes_helpers.convert(whole), work.frames, best)
    done()
    figures = helpers.pass_figures(helpers.alternate(pair, helpers.pairs(), done))
lab.compare(guess, figures["fp32_pass"], figures["int8_pass"], names=("fp32", "int8"), title="Time of a pass")

# %%
lab.explain("06/pass", figures["fp32_pass"], figures["int8_pass"], guess=guess)

# %%
lab.ledger.record(
    "int8-time", figures["fp32_pass"], figures["int8_pass"], shape=work.config.name, note=f"engine {best}"
)
lab.verdict("int8-time")

# %% [markdown]
# ## Does the battery last longer?
#
# Joules would answer that, and few machines let a program read them. Where they can't be read, processor time stands in: the
# seconds of all cores together. It was taken down during the same passes.

# %%
energy = [figures[name] for name in ("fp32_energy", "int8_energy", "fp32_cpu", "int8_cpu")]
lab.ledger.record("int8-battery", *energy, shape=work.config.name, note=f"engine {best}")
lab.verdict("int8-battery")

# %% [markdown]
# ## Try other processors
#
# Your machine can play older ones: two variables forbid instructions, `ONEDNN_MAX_CPU_ISA` to oneDNN and `ATEN_CPU_CAPABILITY`
# to torch. They count when a process starts, so each level gets its own. Newer processors than yours can't be played. MKL, which
# computes fp32, doesn't listen: its figure is labelled so.

# %%
with lab.progress("playing processors", max(1, len(helpers.levels()))) as done:
    boards = [(helpers.board(level), done())[0] for level in helpers.levels()]
helpers.shelf_picture(boards)

# %%
lab.explain("06/shelf", *helpers.paying(boards))

# %% [markdown]
# ## Are words lost?
#
# The figures so far came from seeded weights, which say nothing about sound. These come from the bundled voice. They take an
# hour to measure, so they ship with it: the same sentences and seeds both ways, and a recogniser that writes down what it hears.

# %%
helpers.quality_table()

# %%
difference = helpers.wer_difference()
lab.explain("06/quality", difference)

# %%
lab.ledger.record("int8-sound", difference, model="tiny", note=helpers.about_quality())
lab.verdict("int8-sound")

# %% [markdown]
# ## Which layers mind?
#
# Take a real sentence, and make one layer int8, only that one. Two errors follow: the layer's own, and what is left of it in the
# model's answer. Every dot below is a layer. Dots far to the right are rounded badly; dots high up are felt.

# %%
trained, largest = helpers.Trained(), helpers.bits(best)
with lab.progress("layer by layer", len(trained.names)) as done:
    layers = helpers.sensitivities(trained, largest, done)
helpers.sensitivity_picture(layers)

# %% [markdown]
# The table has more: what one scale for all tokens would cost, or one for all rows, and how many channels are
# [outliers](glossary.md#outlier), with a value of 6 or more. Keeping only those in float is the idea of LLM.int8(); its column
# says what that would give.

# %%
lab.explain("06/layers", *helpers.felt_figures(layers))

# %% [markdown]
# A layer that is felt can stay in float. In your own code that is `sensitivity.Except("proj_out")`, given to `apply` or
# `set_engine` (`f5lite.shrink.int8`, modules `sensitivity` and `layers`). See what sparing one layer does when all the others
# are int8.

# %%
helpers.sparing_picture(trained, layers, largest)

# %% [markdown]
# ## Listen blind
#
# Two versions of one sentence under one playhead. Switch with 1 and 2 while it plays. Then take the
# [blind test](glossary.md#blind): X is one of the two, drawn anew in every round. Your answers go into the ledger, whatever they
# show.

# %%
small = helpers.small_voice(best)
before = trained.voice.speak(helpers.SENTENCE, steps=7, seed=3)
after = small.speak(helpers.SENTENCE, steps=7, seed=3)
player = lab.ab({"fp32": before, "int8": after}, claim="int8-sound")
player

# %%
lab.explain("06/heard", *helpers.said(player).figures())

# %% [markdown]
# ## Your turn · 3 minutes · ●○○
#
# Find the outlier channels of a layer's input: those in which any token has a value as large as the threshold. `x` has a row for
# each token and a column for each channel. Return the channels' numbers as a list.


# %% tags=["exercise"]
def outlier_channels(x, threshold):
    """Numbers of the columns of x with an absolute value of `threshold` or more."""
    raise NotImplementedError  # your lines here


lab.check.outlier_channels(outlier_channels)

# %% [markdown] tags=["hint"]
# `x.abs().amax(0)` has the largest value of each column. `nonzero` turns a comparison into positions.


# %% tags=["solution"]
def outlier_channels(x, threshold):
    """Numbers of the columns of x with an absolute value of `threshold` or more."""
    return (x.abs().amax(0) >= threshold).nonzero()[:, 0].tolist()


# %% [markdown]
# ## Your turn · 8 minutes · ●●○
#
# Write the product of an integer engine. Round each token to integers with a scale of its own, multiply integers with integers,
# and put both scales on the result. Any code may do the product itself; the check looks at what comes out.


# %% tags=["exercise"]
def int8_linear(x, values, scale):
    """x: tokens × in, float; values: out × in, int8; scale: (out,) -> tokens × out, float."""
    raise NotImplementedError  # your lines here


lab.check.int8_linear(int8_linear)

# %% [markdown] tags=["hint"]
# A token's scale is its largest absolute value over 127; replace a scale of zero by one. `.float()` of int8 numbers multiplies
# exactly as long as sums stay below 2²⁴, so `@` may do the product.


# %% tags=["solution"]
def int8_linear(x, values, scale):
    """x: tokens × in, float; values: out × in, int8; scale: (out,) -> tokens × out, float."""
    size = x.abs().amax(1, keepdim=True) / 127
    size[size == 0] = 1
    return ((x / size).round() @ values.float().t()) * size * scale


# %% [markdown]
# f5lite's engines shift each token's integers as well: its smallest number falls on the lowest integer, so a token that lies on
# one side of zero, as after GELU, uses them all. The product then owes the shift times the sum of each weight row.
#
# Products are settled. The rest of a block is attention, and it grows with the square of the length: the next lesson changes the
# code that does it, and asks at which length that pays.

# %%
display(lab.found(), lab.way())
