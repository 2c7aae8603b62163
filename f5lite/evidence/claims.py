"""What the article claims, as data: in our words, with its figure, what tests it, and the rule of its verdict.

The list itself is in `claim_list.py`. Figures that a rule asks for are what lessons and the ladder record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from f5lite.errors import F5liteError
from f5lite.evidence.rules import Rule


@dataclass(frozen=True)
class Claim:
    """One claim.

    id: its name in code, charts and prose.  words: the claim in our words.  chinese: the article's term.
    figure: its number as a text, or "".  where: the article's own pointer, or "".  lessons: where it is measured.
    test: what tests it, a phrase.  rule: how figures become a verdict; `rule.names` are the figures to record.
    """

    id: str
    words: str
    chinese: str
    figure: str
    test: str
    lessons: tuple[str, ...]
    rule: Rule
    where: str = ""

    @property
    def needs(self) -> tuple[str, ...]:
        """Names of the measurements to record for it."""
        return self.rule.names


class Claims(Mapping[str, Claim]):
    """The claims by id, in the article's order."""

    def __init__(self, claims: tuple[Claim, ...]) -> None:
        self._by_id = {claim.id: claim for claim in claims}
        if len(self._by_id) < len(claims):
            raise ValueError("two claims have one id")

    def __getitem__(self, id: str) -> Claim:
        try:
            return self._by_id[id]
        except KeyError:
            raise F5liteError(f"no claim {id!r}; there are: {', '.join(self._by_id)}") from None

    def __contains__(self, id: object) -> bool:
        return id in self._by_id

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_id)

    def __len__(self) -> int:
        return len(self._by_id)

    def of_lesson(self, number: str) -> list[Claim]:
        """The claims that lesson `number` ("05") measures."""
        return [claim for claim in self.values() if number in claim.lessons]


def _load() -> Claims:
    from f5lite.evidence.claim_list import CLAIMS as claims

    return Claims(claims)


def __getattr__(name: str) -> Claims:
    if name != "CLAIMS":
        raise AttributeError(name)
    claims = _load()
    globals()["CLAIMS"] = claims
    return claims
