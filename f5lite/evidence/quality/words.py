"""Texts as the words that are compared: lower case, no punctuation, numbers spelled out.

A recogniser writes "10" where "ten" was said; without this a third of the errors on short commands would be digits.
"""

from __future__ import annotations

import re

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
SIGNS = {"%": " percent", "&": " and ", "+": " plus ", "°": " degrees"}
SPELLINGS = {"colour": "color", "favourite": "favorite", "grey": "gray", "ok": "okay", "tv": "television"}


def cardinal(number: int) -> str:
    """A number below a million in words: 342 → "three hundred forty two". Larger ones digit by digit."""
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + (f" {ONES[number % 10]}" if number % 10 else "")
    if number < 1000:
        return f"{ONES[number // 100]} hundred" + (f" {cardinal(number % 100)}" if number % 100 else "")
    if number < 1_000_000:
        return f"{cardinal(number // 1000)} thousand" + (
            f" {cardinal(number % 1000)}" if number % 1000 else ""
        )
    return " ".join(ONES[int(digit)] for digit in str(number))


def ordinal(number: int) -> str:
    """21 → "twenty first"."""
    *before, last = cardinal(number).split()
    if last in ORDINALS:
        last = ORDINALS[last]
    else:
        last = (last[:-1] + "ie" if last.endswith("y") else last) + "th"
    return " ".join([*before, last])


def normalised(text: str) -> str:
    """The words of `text`, one space between them. Applied to what was asked for and to what was heard."""
    text = text.lower().replace("’", "'")
    for sign, word in SIGNS.items():
        text = text.replace(sign, word)
    text = re.sub(r"\b(\d{1,2}):00\b", r"\1 o'clock", text)
    text = re.sub(r"\b(\d{1,2}):(\d\d)\b", r"\1 \2", text)  # a time of day
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = re.sub(r"(\d+)\.(\d+)", lambda m: f"{m[1]} point {' '.join(m[2])}", text)
    text = re.sub(r"(\d+)(?:st|nd|rd|th)\b", lambda m: f" {ordinal(int(m[1]))} ", text)
    text = re.sub(r"\d+", lambda m: f" {cardinal(int(m[0]))} ", text)
    words = re.sub(r"[^a-z' ]", " ", text).split()
    return " ".join(SPELLINGS.get(word, word) for word in (w.strip("'") for w in words) if word)


def errors(said: str, heard: str) -> tuple[int, int]:
    """(wrong words, words): substitutions, insertions and deletions, and the words of `said`. Needs `jiwer`.

    Summed over sentences, wrong / words is the word error rate. Raises ValueError when `said` has no word.
    """
    import jiwer

    reference = normalised(said)
    if not reference:
        raise ValueError(f"no word to listen for in {said!r}")
    counts = jiwer.process_words(reference, normalised(heard))
    return counts.substitutions + counts.deletions + counts.insertions, len(reference.split())
