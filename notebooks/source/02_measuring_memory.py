# %% [markdown]
# # 02 · Measure memory honestly
#
# **You'll do**: measure one request with four tools, find out why they disagree, and check the one you keep.
# **You'll learn**: what a memory figure counts, and what it leaves out.
# **You need**: lesson 01, 12 minutes.

# %%
from f5lite import lab
from f5lite.evidence import workload
from f5lite.evidence.measurement import Measurement
from f5lite.lab.lessons import lesson_02 as helpers
from f5lite.memory import meter

lab.start("02")

# %% [markdown]
# The work is one request to a model in the published shape: text, one [pass](glossary.md#pass) of the acoustic model, the
# vocoder. Lesson 01 counted its weights. How much memory does the whole request need at its [peak](glossary.md#peak)? Guess
# before any tool says a number.

# %%
work = workload.here()
folder = workload.prepare(work.config)
print(work.note or "The whole model, as published.")
guess = lab.predict(
    "02/tools", "How many MB does the request need at its peak?", default=1400, unit="MB", high=5000
)
guess

# %% [markdown]
# ## A first measurement
#
# Most people do this: read the process's memory, do the work, read it again, subtract. It takes four lines, and it gives a
# number. Here it runs twice, on exactly the same work.


# %%
def request():
    """One request, text to wave; nothing of it is kept."""
    return workload.request(folder, work.frames // 4)


first = helpers.in_mb("first", helpers.before_and_after(request))
second = helpers.in_mb("second", helpers.before_and_after(request))
both = {"first run": first, "second run": second}
lab.bars(both, title="Memory after, less memory before", unit="MB")

# %% [markdown]
# Is that true? A measurement of the same thing should give the same number. Before you read on, say to yourself what the
# first run could have paid for that the second didn't.

# %%
lab.explain("02/twice", first, second)

# %% [markdown]
# ## Four tools, four answers
#
# Python can trace its own allocations. The system remembers the highest memory since the process began. And the meter of
# this course starts a fresh process, imports everything, notes where it stands (the [baseline](glossary.md#baseline)), sets
# the peak back, and only then works.

# %%
runs = [meter.isolated(workload.request, folder, work.frames // 4) for _ in range(3)]
answers = {
    "python": helpers.in_mb("python", helpers.python_only(request)),
    "difference": helpers.in_mb("difference", second.median),
    "since_start": helpers.in_mb("since_start", helpers.since_the_start()),
    "meter": helpers.of_runs(runs, "meter", "peak_rss_mb"),
}
lab.bars(helpers.labelled(answers), title="One request, four tools", unit="MB")

# %%
lab.explain("02/tools", *answers.values())

# %%
weights = Measurement.of("the weights alone", work.megabytes, "MB", exact=True)
names = ("the weights alone", "the request")
lab.compare(guess, weights, answers["meter"], names=names, title="Peak of a request")

# %% [markdown]
# ## Two kinds of memory
#
# The meter looked about a hundred times a second while the request ran. Below are those looks. The lower area is
# [anonymous](glossary.md#anonymous) memory, which only this process has. The upper one is
# [file-backed](glossary.md#file-backed): pages of a file, here mostly the weights, which the system may drop and read again.

# %%
helpers.picture(runs[0], "One request, over the process with its imports")

# %%
anonymous = helpers.of_runs(runs, "anonymous", "peak_anonymous_mb")
file_backed = helpers.of_runs(runs, "file_backed", "peak_file_backed_mb")
lab.explain("02/kinds", anonymous, file_backed)

# %% [markdown]
# ## Check the meter
#
# Why trust this tool more than the others? Because it can be tested. A process allocates a known number of bytes and writes
# to each page; another maps a file of known size and reads every page. What does the meter read?

# %%
check, error = helpers.known_bytes()
lab.bars(helpers.reading(check), title="Known bytes, and what the meter reads", unit="MB")

# %%
lab.explain("02/known", error)

# %% [markdown]
# And what can it miss? The next process holds memory for a fiftieth of a second only, while the meter looks three times a
# second. The kernel's own counter is compared with the highest look.

# %%
brief = meter.measure(helpers.spike, imports=(), interval=0.3)
counted = helpers.in_mb("counted", brief.peak_rss_mb)
sampled = helpers.in_mb("sampled", brief.peak_anonymous_mb)
lab.explain("02/brief", counted, sampled)

# %% [markdown]
# Memory isn't the only cost. The meter also notes processor time, and energy where the machine has a counter for it. The
# article promises a longer battery life; these are the figures that can test it.

# %%
lab.explain("02/energy", *helpers.energy(runs[0]))

# %% [markdown]
# Phones grow hot, says the article, and a hot processor lowers its clock. Five sustained minutes show that; they are
# `python -m benchmarks.heat` in the repository. Here is a short look only, a few seconds of passes: are the last ones slower
# than the first?

# %%
watched = helpers.short_watch(folder, work.frames // 8)
lab.explain("02/heat", watched.early, watched.late, watched.clock(), watched.warming())

# %% [markdown]
# ## Your turn · 6 minutes · ●●○
#
# The article promises a lower *average*. Looks at memory don't come evenly: a busy machine delays some. Write the average over
# time, where each look holds until the next, and the last one only ends the run.


# %% tags=["exercise"]
def average(seconds, megabytes):
    """The average over time of looks at `seconds`, each holding until the next."""
    raise NotImplementedError  # your lines here


lab.check.average(average)

# %% [markdown] tags=["hint"]
# Look `i` holds for `seconds[i + 1] - seconds[i]`. Weigh each figure by its time, add them up, and divide by the whole time.


# %% tags=["solution"]
def average(seconds, megabytes):
    """The average over time of looks at `seconds`, each holding until the next."""
    total = 0
    for i in range(len(seconds) - 1):
        total += (seconds[i + 1] - seconds[i]) * megabytes[i]
    return total / (seconds[-1] - seconds[0])


# %% [markdown]
# Keep what you found: the ledger holds the meter's error on this machine, with which the figures that follow can be read. From
# here on, a memory figure in this course comes from a process of its own, over its imports. It is peak RSS unless it says
# anonymous.

# %%
lab.ledger.record("meter", error, anonymous, file_backed, note="one request, seeded weights")
display(lab.found(), lab.way())
