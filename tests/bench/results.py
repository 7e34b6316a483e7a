"""What was measured, and what follows from it: medians, spreads, ratios paired by round."""
import dataclasses
import json
import statistics


@dataclasses.dataclass(frozen=True)
class Spread:
    """The median of several rounds with its least and its most; `count` of them."""
    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values):
        values = list(values)
        if not values:
            return None
        return cls(statistics.median(values), min(values), max(values), len(values))


@dataclasses.dataclass(frozen=True)
class Goal:
    """One goal: `got` is the ratio reached (a Spread; None: not measured)."""
    where: str        # the table's row: "1,000 subjects, 200 B"
    what: str         # "1 client sync: triald / Redis XADD"
    got: Spread | None
    bound: float
    is_least: bool = True  # the ratio must be at least the bound; else at most
    unit: str = "×"        # × for ratios; ms, s, MiB for what is bounded itself

    def is_met(self):
        if self.got is None:
            return False
        return self.got.median >= self.bound if self.is_least else self.got.median <= self.bound

    def pairs(self):
        """Is every round on the right side of the goal, or some, or none?"""
        if self.got is None:
            return "-"
        worst = self.got.least if self.is_least else self.got.most
        best = self.got.most if self.is_least else self.got.least
        reached = (lambda v: v >= self.bound) if self.is_least else (lambda v: v <= self.bound)
        return "every" if reached(worst) else "some" if reached(best) else "none"

    def verdict(self):
        if self.got is None:
            return "not measured"
        if self.is_met():
            return "met"
        off = self.got.median / self.bound - 1
        return f"missed by {abs(off) * 100:.0f} %"


class Results:
    """The raw figures, one row a visit, in memory and as JSON Lines."""

    def __init__(self, path=None):
        self.path, self.rows = path, []
        self.index = {}  # (part, block, group, system) -> {round: figures}

    def add(self, row):
        self.rows.append(row)
        key = (row["part"], row["block"], row["group"], row["system"])
        self.index.setdefault(key, {})[row["round"]] = row["figures"]
        if self.path:
            with open(self.path, "a", encoding="utf-8") as lines:
                lines.write(json.dumps(row, ensure_ascii=False) + "\n")

    @classmethod
    def read(cls, path):
        results = cls()
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                results.add(json.loads(line))
        return results

    def blocks(self, part):
        """The names of a part's blocks, in the order in which they came."""
        return list(dict.fromkeys(k[1] for k in self.index if k[0] == part))

    def groups(self, part, block):
        return list(dict.fromkeys(k[2] for k in self.index if k[:2] == (part, block)))

    def rounds(self, part, block, group, system, figure):
        """{round: value} of one figure."""
        visits = self.index.get((part, block, group, system), {})
        return {r: f[figure] for r, f in visits.items() if f.get(figure) is not None}

    def spread(self, part, block, group, system, figure):
        return Spread.of(self.rounds(part, block, group, system, figure).values())

    def ratio(self, part, block, group, ours, theirs, figure="rate"):
        """The ratio of two systems, formed within each round and then put in order."""
        return self.paired(self.rounds(part, block, group, ours, figure),
                           self.rounds(part, block, group, theirs, figure))

    @staticmethod
    def paired(ours, theirs):
        """A Spread of ratios from two {round: value}."""
        return Spread.of(ours[r] / theirs[r] for r in ours if theirs.get(r))
