# %% [markdown]
# # 00 · Start here
#
# **You'll do**: check this machine, make a guess, and hear a sentence in five voices.
# **You'll learn**: how the course works, and what its small model can and can't say.
# **You need**: nothing. 5 minutes.

# %%
import f5lite
from f5lite import lab
from f5lite.lab.lessons import lesson_00 as helpers

lab.start("00")

# %% [markdown]
# A widely copied article says that three techniques shrink [F5-TTS](glossary.md#f5-tts), a model that turns text into
# speech, until it fits a phone: load its parts when they are needed, keep numbers in 8 bits, change the
# [attention](glossary.md#attention). It promises 70 % less memory and 68 % less time. This course does all of it and measures
# every claim on your machine. Is it ready?

# %%
lab.readiness()

# %% [markdown]
# Every lesson goes the same way: **predict, measure, explain, listen**. You type a guess, the machine measures, the text that
# follows is computed from your figures, and where sound may change you hear it. Go cell by cell (Shift+Enter): Run All takes
# the default guesses.
#
# A small model of the same kind as F5-TTS comes with the course: `tiny`. Its first sentence takes about two seconds to say.

# %%
question = "How many seconds does this machine take to make it?"
guess = lab.predict("00/pace", question, default=2, unit="s")
guess

# %% [markdown]
# The model begins with noise and moves it towards speech, here in seven [steps](glossary.md#steps). The seed fixes the
# noise, so that every run makes the same sound. With another seed it says the same sentence a little differently.

# %%
voice = f5lite.load("tiny")
sentence = "turn off the lights in the kitchen"
runs = []
with lab.progress("speaking, six times", 6) as done:
    for _ in range(6):
        runs.append(voice.speak(sentence, steps=7, seed=1))
        done()
first, *runs = runs  # the first run pays for reading the weights and isn't counted

# %%
speech, making = helpers.speech(first), helpers.making(runs)
names = ("seconds of speech", "seconds to make them")
lab.compare(guess, speech, making, names=names, title="Time for the sentence", unit="s")

# %%
lab.explain("00/pace", speech, making, guess=guess)

# %% [markdown]
# ## Listen
#
# The upper half is the wave: time runs to the right, and loud is tall. The lower half is the
# [spectrogram](glossary.md#spectrogram), the same sound sorted by pitch: low notes at the bottom, bright where there is
# energy. A vowel is a stack of stripes, an "s" a cloud at the top.

# %%
lab.listen(first, title="The small F5-TTS, 7 steps")

# %% [markdown]
# A voice is not in the [weights](glossary.md#weights), the numbers that the model has learnt. F5-TTS gets a few seconds of
# someone and the words they say, its [reference](glossary.md#reference), and goes on in that voice. Five references ship.
# Write a sentence of your own in the next cell and run it again. The voice knows 202 words about homes, cities, days and
# numbers (in words); of others about one in ten is understood.

# %%
yours = "the quick fox runs near the window"
spoken = {}
with lab.progress("speaking", len(voice.voices)) as done:
    for name in voice.voices:
        spoken[name] = voice.speak(yours, name, steps=7, seed=1)
        done()
lab.listen(spoken, title="Your sentence, five voices")

# %% [markdown]
# How well does it speak? Nobody should have to take that on trust, so the voice was tested when it was made: a speech
# recogniser wrote down new sentences, and its mistakes were counted. The figure that ships with the voice decides what the
# next cell says.

# %%
lab.explain("00/voice", helpers.misheard())

# %% [markdown]
# ## Your ledger
#
# What you measure and guess is kept in a file on this machine, your ledger; lesson 08 judges the article by it. On Binder,
# the machine is thrown away after ten idle minutes: save the ledger before you go, and bring it back when you return.

# %%
lab.ledger_buttons()

# %%
display(lab.contents(), lab.way())
