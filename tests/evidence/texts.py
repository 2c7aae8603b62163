"""What is wrong with a lesson's computed text: rendered from made-up figures, branch by branch. Pure."""

from __future__ import annotations

import re

from f5lite.evidence.explain import Text, Told

NUMBER = re.compile(r"[\u2212-]?\d[\d,.]*")
FIGURE = re.compile(r"\d[\d,.]*\s?(?:MB|kB|GB|ms|s|×|%)(?!\w)")
SCALES = (1.0, 1.3)


def bare(words: str) -> str:
    """Words without their numbers: what a text says apart from its figures."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", words)).strip()


def rendered(text: Text) -> dict[str, list[Told]]:
    return {
        outcome: [text.tell(*text.made_up(outcome, scale)) for scale in SCALES] for outcome in text.outcomes
    }


def complaints(text: Text) -> list[str]:
    """Branches that are missing, empty, alike, chosen wrongly, or that state a figure the reader's machine may contradict."""
    missing = [outcome for outcome in text.outcomes if outcome not in text.branches]
    if missing:
        return [f"{text.id}: no words for {', '.join(missing)}"]
    found, told = [], rendered(text)
    for outcome, (one, other) in told.items():
        if one.outcome != outcome:
            found.append(f"{text.id}: figures made up for {outcome!r} lead to {one.outcome!r}")
        if len(bare(one.why).split()) < 6:
            found.append(f"{text.id}, {outcome}: says too little: {one.why!r}")
        if "nan" in one.text.split() or "inf" in one.text or "{" in one.text:
            found.append(f"{text.id}, {outcome}: a figure went wrong: {one.text!r}")
        if text.compare:
            verbs = {"lower": "fell", "higher": "rose", "can't tell": "didn't change|stayed the same"}
            if not re.search(rf" (?:{verbs.get(outcome, 'stayed the same')}) ", one.lead):
                found.append(f"{text.id}, {outcome}: the lead doesn't say so: {one.lead!r}")
        # A figure that stays when everything measured is 1.3 times as large was typed in, not measured.
        fixed = set(FIGURE.findall(one.why)) & set(FIGURE.findall(other.why)) - set(text.constants)
        ratios = {figure for figure in fixed if figure.endswith(("%", "×"))}
        for figure in sorted(fixed - ratios if text.compare else set()):
            found.append(
                f"{text.id}, {outcome}: {figure!r} is written as a fact; compute it, or name it in `constants`"
            )
    words = {outcome: bare(one.why) for outcome, (one, _) in told.items()}
    for outcome, said in words.items():
        twins = [other for other, words_there in words.items() if words_there == said and other > outcome]
        found += [f"{text.id}: {outcome!r} and {other!r} say the same" for other in twins]
    return found
