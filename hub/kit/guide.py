"""The generated part of docs/spokes.md: every rule, its level and what it obliges a spoke to.

python -m hub.kit.guide docs/spokes.md        # writes it anew between its marks
"""

from __future__ import annotations

import sys
from pathlib import Path

from hub.testing.levels import LEVELS, Level

BEGIN = "<!-- rules: written by `python -m hub.kit.guide docs/spokes.md` -->"
END = "<!-- end of rules -->"


def rules_by_level() -> str:
    """One table for each level, in the order in which `hub spoke check` shows them."""
    from hub.testing.conformance import rules

    told = rules()
    parts = []
    for level in (Level.BRONZE, Level.SILVER, Level.GOLD):
        rows = [f"| `{rule}` | {told[rule]} |" for rule, of in LEVELS.items() if of is level]
        head = ["| rule | what it asks |", "|---|---|"]
        parts.append("\n".join([f"### {level.name.title()}", "", *head, *rows]))
    return "\n\n".join(parts)


def rewritten(text: str) -> str:
    """The guide with what is between its marks written anew; raises ValueError without marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the guide has no {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{rules_by_level()}\n\n{END}{after}"


if __name__ == "__main__":
    guide = Path(sys.argv[1])
    guide.write_text(rewritten(guide.read_text(encoding="utf-8")), encoding="utf-8")
