"""Draws the panels of a Grafana dashboard, in their layout, from the data in Prometheus."""

import datetime
import json
import re
import sys
import time
import urllib.parse
import urllib.request

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.dates import DateFormatter
from matplotlib.ticker import EngFormatter

SERVER, DASHBOARD, PICTURE = sys.argv[1:]
END = time.time()
START = END - 350
STEP = 2
UNITS = {"s": "s", "bytes": "B"}


def series(expression):
    """The labels and the points of each line of an expression."""
    expression = expression.replace("$__rate_interval", "10s").replace("$instance", ".*")
    query = {"query": expression, "start": START, "end": END, "step": STEP}
    url = f"{SERVER}/api/v1/query_range?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url) as answer:
        for result in json.load(answer)["data"]["result"]:
            yield result["metric"], result["values"]


def draw(axes, panel):
    lines = 0
    for target in panel["targets"]:
        for labels, points in series(target["expr"]):
            name = re.sub(r"{{(\w+)}}", lambda label: labels[label[1]], target["legendFormat"])
            times = [datetime.datetime.fromtimestamp(at, datetime.timezone.utc) for at, _ in points]
            axes.plot(times, [float(value) for _, value in points], label=name, linewidth=1.2)
            lines += 1
    assert lines, f"{panel['title']} has no data"
    axes.set_title(panel["title"], loc="left", fontsize=10, fontweight="bold")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
    axes.yaxis.set_major_formatter(EngFormatter(UNITS.get(panel["fieldConfig"]["defaults"]["unit"], "")))
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, loc="best", framealpha=0.6)


panels = json.load(open(DASHBOARD))["panels"]
rows = sorted({panel["gridPos"]["y"] for panel in panels})
columns = sorted({panel["gridPos"]["x"] for panel in panels})
figure, grid = plt.subplots(
    len(rows), len(columns), figsize=(7 * len(columns), 2.6 * len(rows)), squeeze=False, layout="constrained"
)
for panel in panels:
    place = panel["gridPos"]
    draw(grid[rows.index(place["y"])][columns.index(place["x"])], panel)
figure.savefig(PICTURE, dpi=80)
