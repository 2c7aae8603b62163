"""Text as F5-TTS reads it: symbols and pinyin to token ids, and long text cut at punctuation.

Upstream's conventions (f5-tts `model/utils.py`, `infer/utils_infer.py`): a `vocab.txt` with one symbol a line, the
space first; Chinese becomes pinyin with tone numbers, a space before each syllable; unknown symbols take id 0.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

import torch

from f5lite.errors import F5liteError

log = logging.getLogger(__name__)
SAME_SYMBOL = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
NEEDS_DICTIONARY = re.compile(r"[#+&\u2e80-\U0010ffff]")
PLAIN_WORD = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*%?|[._%-]+|\r\n|.", re.DOTALL)
AFTER_PUNCTUATION = re.compile(r"(?<=[;:,.!?])\s+|(?<=[；：，。！？])")


def is_chinese(symbol: str) -> bool:
    """The range that upstream turns into pinyin."""
    return "\u3100" <= symbol <= "\u9fff"


def segment(text: str) -> list[str]:
    """Words as rjieba, upstream's Chinese segmenter, cuts them.

    Its dictionaries cost about 90 MB and a second, so it is imported only for text with East Asian symbols, or with one
    of `#+&`, which its dictionary joins to letters (C++). For the rest the pattern below cuts the same: a test compares.
    """
    if not NEEDS_DICTIONARY.search(text):
        return PLAIN_WORD.findall(text)
    try:
        import rjieba
    except ImportError as error:
        raise F5liteError("this text needs rjieba, which isn't installed; run: pip install rjieba") from error
    return rjieba.cut(text)


def syllables(word: str) -> list[str]:
    """Pinyin with tone numbers for Chinese, other symbols as they are; tones follow their neighbours in the word."""
    if not any(map(is_chinese, word)):
        return list(word)
    try:
        from pypinyin import Style, lazy_pinyin
    except ImportError as error:
        raise F5liteError(
            "Chinese text needs pypinyin, which isn't installed; run: pip install pypinyin"
        ) from error
    return lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True)


def to_pinyin(text: str) -> list[str]:
    """Text -> symbols: Chinese as pinyin with a space before each syllable, the rest by character."""
    symbols: list[str] = []
    for word in segment(text.translate(SAME_SYMBOL)):
        size = len(word.encode())
        if size == len(word):  # letters and signs of one byte
            if symbols and size > 1 and symbols[-1] not in " :'\"":
                symbols.append(" ")
            symbols.extend(word)
        elif size == 3 * len(word):  # three bytes each: East Asian throughout
            for symbol, syllable in zip(word, syllables(word), strict=False):
                symbols.extend((" ", syllable) if is_chinese(symbol) else (syllable,))
        else:
            for symbol in word:
                symbols.extend((" ", *syllables(symbol)) if is_chinese(symbol) else (symbol,))
    return symbols


class Vocabulary:
    """Symbols and their ids, with the rule by which a text becomes symbols."""

    def __init__(self, symbols: Iterable[str], tokenizer: str = "pinyin", lowercase: bool = False):
        self.ids = {symbol: index for index, symbol in enumerate(symbols)}
        self.tokenizer, self.lowercase = tokenizer, lowercase
        if not self.ids:
            raise F5liteError("the vocabulary is empty; pass the vocab.txt that belongs to the weights")

    @classmethod
    def read(cls, path: Path, tokenizer: str = "pinyin", lowercase: bool = False) -> Vocabulary:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise F5liteError(f"can't read the vocabulary {path}: {error}") from error
        return cls(text.removesuffix("\n").split("\n"), tokenizer, lowercase)

    def __len__(self) -> int:
        return len(self.ids)

    def symbols(self, text: str) -> list[str]:
        text = text.lower() if self.lowercase else text
        return to_pinyin(text) if self.tokenizer == "pinyin" else list(text.translate(SAME_SYMBOL))

    def unknown(self, text: str) -> list[str]:
        """The symbols of a text that the model never learnt, each once."""
        return sorted({symbol for symbol in self.symbols(text) if symbol not in self.ids})

    def encode(self, texts: list[str]) -> torch.Tensor:
        """Texts -> ids, b t, int64, padded with -1."""
        rows = [
            torch.tensor([self.ids.get(s, 0) for s in self.symbols(text)], dtype=torch.long) for text in texts
        ]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=-1)

    def check(self, text: str) -> None:
        """Refuse a text with nothing to say; warn about symbols that will stay silent."""
        if not text.strip():
            raise F5liteError("the text is empty; pass at least one word")
        symbols = self.symbols(text)
        known = [s for s in symbols if s in self.ids and (s.isalnum() or len(s) > 1)]
        if not known:
            raise F5liteError(
                f"no letter of {text[:40]!r} is in the model's vocabulary of {len(self)} symbols"
            )
        if missing := self.unknown(text):
            log.warning(
                "not in the model's vocabulary, so left silent: %s", " ".join(map(repr, missing[:12]))
            )


def chunks(text: str, most_bytes: int = 135, longest: int | None = None) -> list[str]:
    """Cut at punctuation into pieces of at most `most_bytes` UTF-8 bytes, as upstream.

    A longer sentence stays whole there; with `longest`, one above that many bytes is cut at a space (or inside a word
    that is longer still), so that no text can ask for unbounded memory.
    """
    out: list[str] = []
    current = ""
    for sentence in (
        part for whole in AFTER_PUNCTUATION.split(text) for part in _short_enough(whole, longest)
    ):
        if not sentence:
            continue
        piece = f"{sentence} " if len(sentence[-1].encode()) == 1 else sentence
        if len(current.encode()) + len(sentence.encode()) <= most_bytes:
            current += piece
            continue
        if current:
            out.append(current.strip())
        current = piece
    if current:
        out.append(current.strip())
    return out


def _short_enough(sentence: str, longest: int | None) -> list[str]:
    parts = []
    while longest and len(sentence.encode()) > longest:
        head = sentence.encode()[:longest].decode(errors="ignore")
        cut = head.rfind(" ") if " " in head.strip() else len(head)
        cut = cut if cut > 0 else max(1, len(head))
        parts.append(sentence[:cut])
        sentence = sentence[cut:].lstrip()
    return [*parts, sentence]
