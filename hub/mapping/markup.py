"""The text of an HTML fragment, in one pass: what the library's parser takes minutes for is no attack.

`html.parser` reads again from each `<` to the end where tags or comments are not closed, which is
quadratic (CVE-2025-6069): 80 kB of `<a <a <a` kept a worker busy for a minute and a half.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

BLOCKS = frozenset(
    ("address", "article", "blockquote", "br", "dd", "div", "dt", "h1", "h2", "h3", "h4", "h5", "h6",
     "hr", "li", "p", "pre", "tr")
)  # fmt: skip
HIDDEN = frozenset(("head", "template"))
RAW = {name: re.compile(rf"</{name}(?![a-z])", re.IGNORECASE) for name in ("script", "style")}
"""What ends an element whose content is no markup, and is not shown."""
_TAG = re.compile(r"""<(/?)([a-z][^\s/>]*)((?:[^>"']|"[^"]*+"|'[^']*+')*+)>""", re.IGNORECASE)
_SIMPLE = re.compile(r"<(/?)([a-z][^\s/>]*)()[^>]*+>", re.IGNORECASE)


def text_of_html(markup: str) -> str:
    """What a reader of the page would see; blocks begin on lines of their own.

    A `<` that opens no tag is a character like any other.
    """
    seen: list[str] = []
    hidden = 0
    for text, tag in _pieces(markup):
        if not hidden:
            seen.append(re.sub(r"\s+", " ", unescape(text)))
        name = tag[2].lower() if tag else ""
        if name in BLOCKS:
            seen.append("\n")
        elif tag and name in HIDDEN:
            hidden = max(0, hidden - 1 if tag[1] else hidden + 1)
    lines = (line.strip() for line in "".join(seen).split("\n"))
    return "\n".join(line for line in lines if line)


def _pieces(markup: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Each text, with the tag that follows it, if one does."""
    place, pattern, last = 0, _TAG, markup.rfind(">")
    while (opened := markup.find("<", place)) >= 0:
        before = markup[place:opened]
        if markup.startswith(("<!", "<?"), opened):
            yield before, None
            place = _after_remark(markup, opened)
            continue
        tag = pattern.match(markup, opened)
        if tag is None and pattern is _TAG and _SIMPLE.match(markup, opened):
            pattern = _SIMPLE  # a quote is not closed: from here on quotes are characters
            tag = pattern.match(markup, opened)
        # a sign that opens no tag is text; so is all the rest, where no tag can end any more
        place = tag.end() if tag else opened + 1 if opened < last else len(markup)
        yield (before, tag) if tag else (markup[opened - len(before) : place], None)
        raw = RAW.get(tag[2].lower()) if tag and not tag[1] else None
        if raw:
            close = raw.search(markup, place)
            place = close.start() if close else len(markup)
    yield markup[place:], None


def _after_remark(markup: str, opened: int) -> int:
    """Where a comment or a declaration ends; one that is not closed is all the rest."""
    comment = markup.startswith("<!--", opened)
    mark = "-->" if comment else ">"
    end = markup.find(mark, opened + (4 if comment else 2))
    return len(markup) if end < 0 else end + len(mark)
