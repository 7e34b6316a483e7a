"""Tables, the goals and the plots: text for people, a PNG by gnuplot."""
import math
import os
import shutil
import subprocess

BARS = 46  # columns of the longest bar


def number(value):
    """Three figures that matter: 412, 3.4k, 118k, 1.2M."""
    if value is None:
        return "-"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{value / size:.{0 if value >= 99.95 * size else 1}f}{unit}"
    return f"{value:.{0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2}f}"


def spread(got, form=number):
    """`median [least-most]`."""
    return "-" if got is None else f"{form(got.median)} [{form(got.least)}-{form(got.most)}]"


def ratio(got):
    return spread(got, lambda v: f"{v:.2f}")


def table(title, head, rows):
    """Columns that line up; the first one is text, the others are numbers."""
    cells = [[str(c) for c in row] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = [title, ""]
    for at, row in enumerate(cells):
        lines.append("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                               for i, (c, w) in enumerate(zip(row, widths))).rstrip())
        if at == 0:
            lines.append("  ".join("-" * w for w in widths))
    return "\n".join(lines) + "\n"


def goals_table(goals):
    rows = []
    for goal in goals:
        sign = ">=" if goal.is_least else "<="
        rows.append([f"{goal.where}: {goal.what}", ratio(goal.got),
                     f"{sign} {goal.bound:g} {goal.unit}", goal.pairs(), goal.verdict()])
    return table("Goals: the median of the ratios formed in each round [least-most]; which rounds "
                 "reach the goal",
                 ["goal", "reached", "wanted", "rounds", "verdict"], rows)


def text_plot(charts):
    """Bars on a logarithmic scale, one chart after the other. A chart is (title, unit, [(label,
    value)])."""
    lines = []
    for title, unit, bars in charts:
        values = [v for _, v in bars if v]
        if not values:
            continue
        low = 10 ** math.floor(math.log10(min(values)) - 0.3)
        decades = math.log10(max(values) / low) or 1
        wide = max(len(label) for label, _ in bars)
        lines += [f"{title} ({unit}, logarithmic)"]
        for label, value in bars:
            length = round(BARS * math.log10(value / low) / decades) if value else 0
            lines.append(f"  {label.ljust(wide)} |{'#' * max(length, 0)} {number(value)}")
        lines.append("")
    return "\n".join(lines)


def quoted(text):
    return '"' + text.replace("\\", "/").replace('"', "'") + '"'


def png_plot(charts, path, scratch):
    """The same charts as a PNG; says why where that is not possible, else None."""
    charts = [c for c in charts if any(v for _, v in c[2])]
    if not shutil.which("gnuplot"):
        return "gnuplot is not installed, so there is no PNG"
    if not charts:
        return "nothing was measured, so there is no PNG"
    columns = min(4, len(charts))
    rows = -(-len(charts) // columns)
    script = [f"set terminal pngcairo size {columns * 420},{rows * 330} font 'sans,9'",
              f"set output {quoted(path)}", f"set multiplot layout {rows},{columns}",
              "set style fill solid 0.8", "set boxwidth 0.7", "set logscale y", "unset key",
              "set xtics rotate by -35 nomirror", "set grid ytics", "set bmargin 7",
              "set format y '%.0s%c'"]
    for at, (title, unit, bars) in enumerate(charts):
        bars = [(label, value) for label, value in bars if value]
        script.append(f"$chart{at} << END")
        script += [f"{i} {quoted(label)} {value} {0 if label.startswith('triald') else 1}"
                   for i, (label, value) in enumerate(bars)]
        least = 10 ** math.floor(math.log10(min(v for _, v in bars)) - 0.3)
        script += ["END", f"set title {quoted(title)}", f"set ylabel {quoted(unit)}",
                   f"set yrange [{least}:*]", f"set xrange [-0.6:{len(bars) - 0.4}]",
                   f"plot $chart{at} using 1:3:($4 == 0 ? 0x1f6f8b : 0xb0b7bf):xtic(2) "
                   "with boxes lc rgb variable"]
    script.append("unset multiplot")
    plan = os.path.join(scratch, "plot.gnuplot")
    with open(plan, "w", encoding="utf-8") as text:
        text.write("\n".join(script) + "\n")
    run = subprocess.run(["gnuplot", plan], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        return f"gnuplot failed: {run.stderr.strip()[:300]}"
    return None
