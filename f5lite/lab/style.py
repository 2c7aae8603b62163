"""The look of the course: colours, type and spacing, once, for HTML, SVG and matplotlib.

Colours start from Okabe and Ito's palette and are tuned so that each has contrast on white and on JupyterLab's dark grey.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from pathlib import Path

# name: (on light, on dark). The six "series" colours stay apart for colour-blind readers (tests/lab/test_style.py).
COLOURS: dict[str, tuple[str, str]] = {
    "ink": ("#1c2230", "#eceef2"),
    "soft": ("#586174", "#a9b1bf"),
    "line": ("#dfe3ea", "#3a404b"),
    "grid": ("#edf0f4", "#2d323b"),
    "card": ("#fbfbfc", "#191c21"),
    "paper": ("#ffffff", "#111111"),
    "blue": ("#1d61a0", "#80b1f2"),
    "orange": ("#d86319", "#f29151"),
    "teal": ("#0e9375", "#2fd2aa"),
    "gold": ("#814b02", "#f4c845"),
    "plum": ("#9c3f80", "#e79bcb"),
    "slate": ("#6b7688", "#8d97a8"),
}
SERIES = ("blue", "orange", "teal", "gold", "plum", "slate")
SANS = (
    "'f5 Sans','Source Sans 3','Source Sans Pro',-apple-system,'Segoe UI',Roboto,'Noto Sans',"
    "'Liberation Sans',sans-serif"
)
SERIF = "'f5 Serif',Fraunces,'Iowan Old Style','Palatino Linotype',Palatino,Georgia,serif"


def colour(name: str) -> str:
    """CSS for the colour `name`: a variable that follows the theme, with the light value where no style sheet is."""
    return f"var(--f5-{name},{COLOURS[name][0]})"


def series(index: int) -> str:
    """The name of the colour of series number `index`, from 0."""
    return SERIES[index % len(SERIES)]


def variables(dark: bool) -> str:
    """The palette as CSS declarations."""
    return "".join(f"--f5-{name}:{pair[dark]};" for name, pair in COLOURS.items())


DARK_SCOPES = "body[data-jp-theme-light=false] {s},body.vscode-dark {s},body.theme-dark {s}"
SYSTEM_SCOPE = "body:not([data-jp-theme-light]):not(.vscode-light):not(.vscode-dark) {s}"


@lru_cache(maxsize=1)
def sheet() -> str:
    """The style sheet: themed variables, then `lab.css` without its comments and line breaks."""
    rules = (Path(__file__).with_name("lab.css")).read_text("utf-8")
    rules = re.sub(r"/\*.*?\*/", "", rules, flags=re.S)
    rules = re.sub(r"\s*\n\s*", "", rules)
    scope = ":is(.f5,.f5-lesson)"
    return (
        f".f5,.f5-lesson{{{variables(False)}--f5-sans:{SANS};--f5-serif:{SERIF}}}"
        + DARK_SCOPES.format(s=scope)
        + f"{{{variables(True)}}}"
        + f"@media (prefers-color-scheme:dark){{{SYSTEM_SCOPE.format(s=scope)}{{{variables(True)}}}}}"
        + rules
    )


def still_sheet() -> str:
    """Style for a picture that stands alone as an image: it can only ask the system whether it is dark."""
    return f"svg{{{variables(False)}}}@media (prefers-color-scheme:dark){{svg{{{variables(True)}}}}}"


@lru_cache(maxsize=1)
def fonts() -> str:
    """The two typefaces as CSS. They travel with the page's widget and are never stored in a notebook."""
    folder = Path(__file__).with_name("fonts")
    css = ""
    for family, file, weights in (
        ("f5 Sans", "source-sans-3.woff2", "200 900"),
        ("f5 Serif", "fraunces.woff2", "100 900"),
    ):
        data = base64.b64encode((folder / file).read_bytes()).decode()
        css += (
            f"@font-face{{font-family:'{family}';font-weight:{weights};font-display:swap;"
            f"src:url(data:font/woff2;base64,{data}) format('woff2')}}"
        )
    return css


def matplotlib(dark: bool = False) -> dict[str, object]:
    """Settings for `matplotlib.rc_context`, for a chart of your own. The background stays clear, so it sits on any page."""
    from cycler import cycler

    def pick(name: str) -> str:
        return COLOURS[name][dark]

    return {
        "figure.figsize": (7.6, 3.4),
        "figure.dpi": 120,
        "figure.facecolor": "none",
        "savefig.facecolor": "none",
        "axes.facecolor": "none",
        "axes.edgecolor": pick("line"),
        "axes.labelcolor": pick("soft"),
        "axes.titlecolor": pick("ink"),
        "axes.titlelocation": "left",
        "axes.titleweight": "bold",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=[pick(name) for name in SERIES]),
        "grid.color": pick("grid"),
        "xtick.color": pick("soft"),
        "ytick.color": pick("soft"),
        "text.color": pick("ink"),
        "lines.linewidth": 2.2,
        "font.family": "sans-serif",
        "font.size": 11,
        "legend.frameon": False,
    }
