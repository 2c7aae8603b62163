"""Lesson 06: its computed texts."""

from __future__ import annotations

from f5lite.evidence import explain
from f5lite.evidence.listening import ANSWERS, RIGHT, Score
from f5lite.evidence.measurement import Measurement

naive = explain.text(
    "06/naive",
    subject="the time of a block",
    compare=("fp32_block", "naive_block"),
    unit="ms",
    around=(140.0, 165.0),
)


@naive.when("higher")
def _(f: explain.Figures) -> str:
    return (
        "A quarter of the bytes, and slower. Nothing is multiplied in 8 bits here: every call makes float32 weights again, "
        "and then does the same product as before. The bytes saved on reading are paid for on writing."
    )


@naive.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"It is {f.percent} faster, although every call makes float32 weights again: your memory is slow enough, or your "
        "cores many enough, that reading fewer bytes pays for that. Look below at what the products themselves take."
    )


@naive.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "Reading a quarter of the bytes and writing float32 weights again cancel out here. The products are the same as "
        "before, so they can't have become faster."
    )


where = explain.text(
    "06/where",
    outcomes=("conversions", "products", "nothing"),
    decide=lambda f: _where(f),
    examples={
        "conversions": (
            Measurement.of("conversions", 24.0, "ms"),
            Measurement.of("products_grown", 1.0, "ms"),
            Measurement.of("whole", 140.0, "ms"),
        ),
        "products": (
            Measurement.of("conversions", 4.0, "ms"),
            Measurement.of("products_grown", 40.0, "ms"),
            Measurement.of("whole", 140.0, "ms"),
        ),
        "nothing": (
            Measurement.of("conversions", 0.5, "ms"),
            Measurement.of("products_grown", 0.2, "ms"),
            Measurement.of("whole", 140.0, "ms"),
        ),
    },
)


def _where(f: explain.Figures) -> str:
    conversions, products, whole = (f[n].median for n in ("conversions", "products_grown", "whole"))
    if max(conversions, products) < 0.05 * whole:  # two profiles of the same work differ by some percent
        return "nothing"
    return "conversions" if conversions >= products else "products"


@where.when("conversions")
def _(f: explain.Figures) -> str:
    return (
        f"The profiler says where it goes: {f.of('conversions')} more for making float32 of int8, in copies and in "
        "multiplications by the scales. To be faster the product itself has to use the small numbers: 8-bit weights times "
        "8-bit activations, summed up in 32 bits, and the scales only afterwards, on the result."
    )


@where.when("products")
def _(f: explain.Figures) -> str:
    return (
        f"Here the products themselves grew most, by {f.of('products_grown')}: weights that were just written lie elsewhere in "
        "the caches than weights that stay. Making float32 of int8 costs too. A product that uses the small numbers as they "
        "are spares both."
    )


@where.when("nothing")
def _(f: explain.Figures) -> str:
    return (
        "No kind of work grew by much. That also means that none shrank: the products still are float32's, and they are most "
        "of a block. Only a product of 8-bit numbers can change that."
    )


whole = explain.text(
    "06/pass", subject="the time of a pass", compare=("fp32_pass", "int8_pass"), unit="s", around=(3.0, 1.9)
)


@whole.when("lower")
def _(f: explain.Figures) -> str:
    return (
        f"A pass is {f.times} as fast. Products of weights are most of it, not all of it: attention, norms and activations, and "
        "rounding each layer's input first, limit what int8 can give."
    )


@whole.when("higher")
def _(f: explain.Figures) -> str:
    return (
        "Even the best engine loses here: this processor has no fast product of 8-bit numbers, and rounding the activations "
        "comes on top. On such a machine int8 saves memory and costs time."
    )


@whole.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        "On this machine int8 costs no time and saves none; the bytes are saved all the same. Quick runs with small shapes "
        "often end here: run the lesson in full."
    )


shelf = explain.text(
    "06/shelf",
    outcomes=("none", "everywhere", "somewhere", "never"),
    decide=lambda f: _shelf(f["paying"].median, f["levels"].median),
    examples={
        "none": (Measurement.count("paying", 0, "levels"), Measurement.count("levels", 0, "levels")),
        "everywhere": (Measurement.count("paying", 3, "levels"), Measurement.count("levels", 3, "levels")),
        "somewhere": (Measurement.count("paying", 1, "levels"), Measurement.count("levels", 3, "levels")),
        "never": (Measurement.count("paying", 0, "levels"), Measurement.count("levels", 2, "levels")),
    },
)


def _shelf(paying: float, levels: float) -> str:
    if not levels:
        return "none"
    return "everywhere" if paying >= levels else "somewhere" if paying else "never"


@shelf.when("none")
def _(f: explain.Figures) -> str:
    return (
        "These variables only know x86 processors with AVX2 and more, and this isn't one. What int8 gives here is what the "
        "race above showed; other processors have to be measured where they are."
    )


@shelf.when("everywhere")
def _(f: explain.Figures) -> str:
    return (
        "An integer product pays at every level that your machine can play. How much differs: what sums up 8-bit products in "
        "one instruction gains most, and without it two products at a time have to fit into 16 bits."
    )


@shelf.when("somewhere")
def _(f: explain.Figures) -> str:
    return (
        f"An integer product pays at {f['paying'].median:.0f} of the {f['levels'].median:.0f} levels that your machine can play. "
        "The same file, the same code: whether int8 is faster is a question about the processor, and a sentence that leaves it "
        "out says nothing."
    )


@shelf.when("never")
def _(f: explain.Figures) -> str:
    return (
        "No integer product beats fp32 at any level here. Then int8 is for memory alone, and the fastest way to compute with "
        "8-bit weights is to make floats of them."
    )


def _points(name: str, value: float) -> Measurement:
    return Measurement.of(name, value, "%", exact=True)


def _felt(
    worst: float, own: float, loudest: float, own_loudest: float, same: bool
) -> tuple[Measurement, ...]:
    names = ("felt_worst", "own_of_worst", "felt_loudest", "own_loudest")
    values = zip(names, (worst, own, loudest, own_loudest), strict=True)
    return (*(_points(*each) for each in values), Measurement.fact("same_layer", same))


layers = explain.text(
    "06/layers",
    outcomes=("same", "other"),
    decide=lambda f: "same" if f["same_layer"].median else "other",
    examples={"same": _felt(0.5, 2.0, 0.5, 2.0, True), "other": _felt(0.7, 0.7, 0.04, 1.5, False)},
)


@layers.when("same")
def _(f: explain.Figures) -> str:
    return (
        f"One layer leads both lists: it is off by {f.of('own_of_worst')} itself, and the model's answer by {f.of('felt_worst')} "
        "through it. Here looking at a layer alone would have found it."
    )


@layers.when("other")
def _(f: explain.Figures) -> str:
    return (
        f"The layer with the largest error of its own ({f.of('own_loudest')}) moves the answer by {f.of('felt_loudest')}. "
        f"Another one is off by {f.of('own_of_worst')} only, and moves the answer by {f.of('felt_worst')}. What a layer inside a "
        "block makes is added to what passes the block by, where much of its error drowns; a layer that everything goes through "
        "has no such shelter. Looking at nothing but each layer's own error would have spared the wrong one."
    )


quality = explain.text(
    "06/quality",
    outcomes=("within", "worse", "can't tell", "none"),
    decide=lambda f: _quality(f["wer_difference"]),
    examples={
        "within": (Measurement.of("wer_difference", 0.2, "points", bounds=(-0.5, 0.7)),),
        "worse": (Measurement.of("wer_difference", 4.0, "points", bounds=(2.0, 6.0)),),
        "can't tell": (Measurement.of("wer_difference", 0.4, "points", bounds=(-2.1, 2.9)),),
        "none": (Measurement.none("wer_difference", "no comparison is shipped", "points"),),
    },
)


def _quality(found: Measurement) -> str:
    if found.missing:
        return "none"
    low, high = found.interval
    return "within" if -1 <= low and high <= 1 else "worse" if low > 1 else "can't tell"


def _span(found: Measurement) -> str:
    low, high = (f"{end:.1f}".replace("-", "\N{MINUS SIGN}") for end in found.interval)
    return f"from {low} to {high} points"


@quality.when("within")
def _(f: explain.Figures) -> str:
    return (
        f"The difference in misheard words lies {_span(f['wer_difference'])}: within one point either way. For this voice no "
        "word is lost to int8. A small voice can't answer for the large model, though: v1 Base has to be asked itself."
    )


@quality.when("worse")
def _(f: explain.Figures) -> str:
    return (
        f"Int8 costs words here: the difference lies {_span(f['wer_difference'])}. Before blaming 8 bits, look at which layers "
        "they are: sparing the sensitive ones is cheap."
    )


@quality.when("can't tell")
def _(f: explain.Figures) -> str:
    return (
        f"The difference in misheard words lies {_span(f['wer_difference'])}. That interval is wider than the one point that "
        "would settle it: more sentences would narrow it, and so would a voice that makes fewer mistakes of its own."
    )


@quality.when("none")
def _(f: explain.Figures) -> str:
    return (
        "Nobody has measured it for this voice yet, so there is no verdict. The command f5lite quality speaks many sentences "
        "both ways and counts misheard words; it takes an hour, not a cell."
    )


heard = explain.text(
    "06/heard",
    outcomes=("heard", "not shown", "none"),
    decide=lambda f: _score(f).outcome,
    examples={
        "heard": Score(9, 10).figures(),
        "not shown": Score(5, 10).figures(),
        "none": Score(0, 0).figures(),
    },
)


def _score(f: explain.Figures) -> Score:
    if f[RIGHT].missing:
        return Score(0, 0)
    count = max(1, round(f[ANSWERS].median))
    return Score(min(count, round(f[RIGHT].median * count / 100)), count)


@heard.when("heard")
def _(f: explain.Figures) -> str:
    return f"{_score(f).words} Which of the two is better is another question: hearing a difference isn't the same as minding it."


@heard.when("not shown")
def _(f: explain.Figures) -> str:
    return (
        f"{_score(f).words} That isn't proof that there is none to hear: with few answers only a large difference shows. More "
        "rounds, headphones and a quiet room would make the test sharper."
    )


@heard.when("none")
def _(f: explain.Figures) -> str:
    return (
        "You haven't taken the blind test. It needs ears, so Run All can't do it for you: ten rounds above, then run this cell "
        "again. Until then the ledger says that nobody listened."
    )
