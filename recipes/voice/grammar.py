"""Short sentences for a small voice: 30 patterns over 202 words, so new combinations can be held out."""

from __future__ import annotations

import random
import re

SLOTS = {
    "NUM": "one two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty",
    "UNIT": "seconds minutes hours days weeks",
    "ROOM": "kitchen bedroom bathroom office garden garage hallway",
    "CITY": "london paris tokyo berlin madrid boston chicago dublin",
    "DAY": "monday tuesday wednesday thursday friday saturday sunday today tomorrow",
    "PERSON": "anna peter mary robert lucy martin helen david",
    "THING": "lights heater music fan television radio oven window door camera",
    "FOOD": "milk bread coffee apples cheese rice butter eggs sugar lemons",
    "COLOR": "red green blue yellow white orange purple pink black",
    "ADJ": "small large quick quiet bright warm cold happy simple gentle",
    "ANIMAL": "fox dog cat bird horse rabbit tiger monkey",
    "VERB": "jumps runs walks sleeps sings waits looks moves",
}
PATTERNS = """set a timer for {NUM} {UNIT}
turn on the {ROOM} {THING}
turn off the {THING} in the {ROOM}
what is the weather in {CITY} {DAY}
call {PERSON} at {NUM} on {DAY}
send a message to {PERSON}
remind me to buy {FOOD} and {FOOD}
add {NUM} {FOOD} to the shopping list
the {ADJ} {COLOR} {ANIMAL} {VERB} near the {THING}
play some {ADJ} music in the {ROOM}
the model runs on a {ADJ} phone
memory is at {NUM} percent
the model now uses less memory
wake me up at {NUM} on {DAY}
open the {COLOR} {THING} please
good morning {PERSON} how are you {DAY}
the {ANIMAL} is {ADJ} and the {ANIMAL} is {COLOR}
it will be {ADJ} and {ADJ} in {CITY}
please close the {THING} after {NUM} {UNIT}
my favorite color is {COLOR} not {COLOR}
{PERSON} and {PERSON} live in {CITY}
the train to {CITY} leaves in {NUM} {UNIT}
make the {ROOM} {THING} {COLOR}
i would like {NUM} cups of {FOOD}
speech from a {ADJ} model sounds {ADJ}
quantized weights are {NUM} times smaller
load the text module then the voice module
the battery lasts {NUM} more {UNIT}
read the next {NUM} pages to {PERSON}
how many {FOOD} are left in the {ROOM}""".splitlines()
WORDS = {slot: words.split() for slot, words in SLOTS.items()}


def sentence(rng: random.Random) -> str:
    """One sentence; the same generator state gives the same one."""
    return re.sub(r"\{(\w+)\}", lambda m: rng.choice(WORDS[m.group(1)]), rng.choice(PATTERNS))


def held_out(count: int, trained: set[str], seed: int) -> list[str]:
    """`count` different sentences, none of them in `trained`."""
    rng, found = random.Random(seed), {}
    while len(found) < count:
        text = sentence(rng)
        if text not in trained:
            found[text] = None
    return list(found)
