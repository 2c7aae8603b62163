# %% [markdown]
# # 04 · Watch memory, queue requests
#
# **You'll do**: read memory live, see trouble coming, and let a queue decide what runs.
# **You'll learn**: what a limit is in a container, and how to fail in advance rather than by a crash.
# **You need**: lessons 02 and 03, 15 minutes.

# %%
from f5lite import lab
from f5lite.evidence import workload
from f5lite.lab.lessons import lesson_04 as helpers
from f5lite.lab.lessons import plans_04 as plans
from f5lite.memory.hog import Hog
from f5lite.memory.monitor import Monitor
from f5lite.model.config import V1_BASE

lab.start("04")

# %% [markdown]
# The second half of the article's first technique: follow the available memory in real time, and let a priority queue adapt to
# it. First, one reading. In a container the limit isn't the machine's memory, so a reading says where its limit comes from.

# %%
helpers.reading()

# %% [markdown]
# A monitor repeats that reading several times a second, in a thread. Guess what five readings a second cost.

# %%
guess = lab.predict("04/monitor", "How many percent of one core does the monitor take?", default=5, unit="%")
guess

# %%
cost, error = helpers.cost(), helpers.error()
lab.explain("04/monitor", cost, guess=guess)

# %%
lab.ledger.record("monitor", cost, error)
lab.verdict("monitor")

# %% [markdown]
# ## Watch a hog
#
# A hog is a process that really holds memory. While this cell runs it grows and shrinks, and the monitor follows what is
# available. Nothing else in this notebook changes.

# %%
with Hog() as hog, Monitor(hz=10) as monitor:
    with lab.live(lambda: hog.held / 1e6, title="Held by the hog", unit="MB"):
        for size in (0, 40, 80, 120, 160, 120, 60, 0):
            hog.hold(size * 1_000_000)
            helpers.time.sleep(0.3)
print(f"{len(monitor.history)} readings, and the monitor has ended: {not monitor.running}")

# %% [markdown]
# ## Decide by level
#
# This machine may have too much memory to run short, so here is a recording: a hog under a cap. The policy has three levels,
# ample, tight and critical. Move the thresholds. With no margin, what happens near them?

# %%
tight = lab.control("tight", 5, 80, 35, unit="%")
critical = lab.control("critical", 0, 40, 15, unit="%")
lab.explore(helpers.levels, tight, critical, lab.control("margin", 0, 20, 5, unit="%"))

# %% [markdown]
# ## Choose a plan
#
# A level says that memory is short; a plan says what to do about it: which file (here float32 or int8) and whether its weights
# stay, are loaded on demand, or are read block by block. `plan_for` knows what each needs and picks one. The model has four of
# the 22 blocks here, so that the cells below take seconds. Move the budget.

# %%
folder = workload.prepare(V1_BASE.with_blocks(4))
lab.explore(plans.choice(folder), lab.control("budget", 40, 600, 200, step=5, unit="MB"))

# %% [markdown]
# ## Refuse, or take less
#
# A plan is a promise about memory, so hold it to account. The same request now runs in earnest under four budgets: a large one,
# two smaller ones, and one that nothing fits. Each runs in a process of its own, whose peak is measured beside the prediction.

# %%
tried = {budget: plans.speak_with(folder, budget) for budget in plans.budgets(folder)}
plans.outcomes(tried)

# %%
print(tried[min(tried)]["refusal"])
lab.explain("04/budgets", *plans.decided(tried))

# %% [markdown]
# ## Play with the queue
#
# Now all of it together: the bundled voice, a hog, and requests of three priorities under a limit of 240 MB. First a script
# plays: the hog grows from step to step and then goes. Long texts are cut at punctuation, and the plan is decided anew before
# every piece.

# %%
board = plans.dashboard()
board.demonstrate()
lab.explain("04/session", *plans.played(board))

# %% [markdown]
# Your turn. Press Start, hand in requests, and move the hog until the level changes. Then open the policy: which thresholds keep
# the large plan longest, and which make requests wait? The session ends by itself after three minutes and gives everything back.

# %%
board

# %% [markdown]
# ## Survive
#
# Upstream starts all pieces of a long text at once. Eight requests that need more together than a cap allows: first at once in
# threads, then through the queue, whose process gets the same cap. The requests are stand-ins that only hold memory, so that
# this takes seconds.

# %%
figures = helpers.survival()
lab.ledger.record("priority-queue", *figures, note="stand-ins under a cap on address space")
lab.verdict("priority-queue")

# %% [markdown]
# Surviving is half of what the article promises; the other half is smooth speech. The bundled voice speaks through the queue,
# and the seconds of work are divided by the seconds of speech: below one, it could talk while it works. Its process may take
# the 100 MB that its plan promises; a request that needs more is ended. Lesson 08 asks the same of the full size.

# %%
lab.ledger.record("experience", *helpers.experience(), model="tiny", note="the bundled voice, 7 steps")
lab.verdict("experience")

# %% [markdown]
# ## Your turn · 6 minutes · ●●○
#
# Urgent requests, those with the larger priority, go first, but nobody should wait for ever: `ageing` seconds of waiting
# count as one priority. Write the choice of the next request. Each waits as a tuple: name, priority, and the second since
# when.


# %% tags=["exercise"]
def next_up(waiting, now, ageing):
    """The name of the request that goes next; `waiting` holds (name, priority, since)."""
    raise NotImplementedError  # your lines here


lab.check.next_up(next_up)

# %% [markdown] tags=["hint"]
# Give each request a score: its priority, plus the seconds it has waited divided by `ageing`. `max` takes a `key`.


# %% tags=["solution"]
def next_up(waiting, now, ageing):
    """The name of the request that goes next; `waiting` holds (name, priority, since)."""
    return max(waiting, key=lambda one: one[1] + (now - one[2]) / ageing)[0]


# %%
display(lab.found(), lab.way())
