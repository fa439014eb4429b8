"""Bar charts as SVG, for light and dark pages."""

from html import escape

WIDTH, LABEL, VALUE, BAR, GAP, TOP = 720, 210, 90, 24, 10, 46

STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .unit { fill: #57606a }
  rect { fill: #8c959f }
  .ours { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .unit { fill: #9198a1 }
    rect { fill: #6e7681 }
    .ours { fill: #4493f8 }
  }
"""


def bars(title: str, unit: str, values: list, ours: str) -> str:
    """A horizontal bar for each (label, value). The bar of `ours` is highlighted."""
    longest = max(value for _, value in values)
    height = TOP + len(values) * (BAR + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="{escape(title)}">',
        f"<style>{STYLE}</style>",
        f'<text class="title" x="0" y="16">{escape(title)}</text>',
        f'<text class="unit" x="0" y="34">{escape(unit)}, higher is better</text>',
    ]
    for index, (label, value) in enumerate(values):
        top = TOP + index * (BAR + GAP)
        length = (WIDTH - LABEL - VALUE) * value / longest
        kind = ' class="ours"' if label == ours else ""
        middle = top + BAR / 2 + 5
        parts += [
            f'<text x="{LABEL - 10}" y="{middle:g}" text-anchor="end">{escape(label)}</text>',
            f'<rect{kind} x="{LABEL}" y="{top}" width="{length:.1f}" height="{BAR}" rx="3"/>',
            f'<text x="{LABEL + length + 8:.1f}" y="{middle:g}">{value:,.0f}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])
