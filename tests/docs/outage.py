#!/usr/bin/python3
"""Draws one failover as a bar: `openclaw-failover history --json | tests/docs/outage.py` writes src/man/outage.svg.

`tests/lab/demo --picture` does so with its own failover. The outage is to scale, what is before and after it is not.
"""

import json
import pathlib
import sys

PICTURE = pathlib.Path(__file__).resolve().parents[2] / "src/man/outage.svg"
WIDTH, SERVES, TOP, BAR = 760, 130, 44, 40
HEAD = f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} 132" font-family="sans-serif" font-size="14">
<style>
  text {{ fill: #1f2328 }} .dim {{ fill: #59636e }} line {{ stroke: #59636e }}
  .primary {{ fill: #54aeff }} .detecting {{ fill: #ff8182 }} .syncing {{ fill: #bf8700 }} .starting {{ fill: #fdba5c }}
  .standby {{ fill: #4ac26b }} .on {{ fill: #1f2328 }}
  @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3 }} .dim {{ fill: #9198a1 }} line {{ stroke: #9198a1 }} .on {{ fill: #0d1117 }} }}
</style>
"""


def seconds(value):
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def draw(failover):
    """FAILOVER is one of the objects of `history --json`."""
    parts = [(name, failover[f"{name}_seconds"] or 0) for name in ("detecting", "syncing", "starting")]
    parts = [(name, length) for name, length in parts if length >= 0.05]
    scale = (WIDTH - 3 * SERVES) / sum(length for _, length in parts)
    bars = [("primary", "primary serves", SERVES), *((name, f"{name} {seconds(length)}", length * scale) for name, length in parts),
            ("standby", "standby serves", SERVES), ("primary", "primary serves", SERVES)]
    out, x = [HEAD], 0.0
    for name, text, width in bars:
        out.append(f'<rect class="{name}" x="{x:.1f}" y="{TOP}" width="{width - 2:.1f}" height="{BAR}" rx="3"/>\n'
                   f'<text class="on" x="{x + width / 2 - 1:.1f}" y="{TOP + 25}" text-anchor="middle">{text}</text>\n')
        x += width
    end = WIDTH - 2 * SERVES
    out.append(f'<line x1="{SERVES}" y1="30" x2="{end - 2}" y2="30"/>\n'
               f'<text x="{(SERVES + end) / 2:.1f}" y="22" text-anchor="middle">outage: {seconds(failover["outage_seconds"])}</text>\n'
               f'<text class="dim" x="{SERVES}" y="{TOP + BAR + 22}" text-anchor="middle">last good check</text>\n'
               f'<text class="dim" x="{end}" y="{TOP + BAR + 22}" text-anchor="middle">promoted</text>\n'
               f'<text class="dim" x="{end + SERVES}" y="{TOP + BAR + 22}" text-anchor="middle">demoted</text>\n</svg>\n')
    return "".join(out)


def write(history):
    """Draws the last failover of HISTORY, the text that `history --json` prints."""
    PICTURE.write_text(draw(json.loads(history)["failovers"][-1]))


if __name__ == "__main__":
    write(sys.stdin.read())
