"""The result of a reconciliation: whether both sides agree, and where the difference between them comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from genanalytics.base.frames import TEXT
from genanalytics.base.html import make_block, make_lines
from genanalytics.base.text import name_group
from genanalytics.bill.page import Section
from genanalytics.errors import InputError
from genanalytics.records.coverage import COVERAGE, Coverage, describe_coverage
from genanalytics.records.schema import BY_NAME, Kind
from genanalytics.units import GAP, Unit, format_change, format_count, format_value, mark_lower_bound

NANO = 1_000_000_000
"""Nano-dollars in a US dollar."""
MOST_ROWS = 10
"""The number of generations that are shown."""
_DECIMALS = 6
"""The decimals of an amount in an export."""
_MOST_GROUPS = 31
"""The number of models and of days that are shown, those with the largest differences."""

PARTS = ("only in the records", "only in the activity", "changed", "rounding", "unexplained")
"""Where a difference comes from."""

_GROUPS = ("requested_id", "day", "model", "side")
_SIDES: Mapping[str, str] = {"records": PARTS[0], "activity": PARTS[1]}
_AMOUNTS = ("records", "activity", "difference")
_UNITS = {"generations": Unit.COUNT.value, **{f"{name}_usd": Unit.USD.value for name in _AMOUNTS}}


@dataclass(frozen=True, eq=False, repr=False)
class Reconciliation:
    """The result of comparing records with an activity export.

    It is a page when it is printed, in a terminal and in a notebook; the first line is the answer.

    Attributes:
        rows: One row per generation: requested_id (str), side (str: both, records, activity), day (UTC), model (str),
            records_nanousd and activity_nanousd (Int64: the charge on each side, 0 if it has no row), is_changed
            (boolean: whether a field differs), and rounding_nanousd (Int64: what the export's rounding explains of the
            difference; 0 if it is more than that).
        differences: One row per field that differs in a generation on both sides: requested_id, field, records and
            activity (str, the values), difference (Float64: activity minus records in the field's unit, ms for moments;
            null for texts and flags).
        drifts: One row per amount, over the generations in which it differs by rounding at most: field (str),
            generations (Int64: those whose amount is not 0), difference_usd, rounding_usd (what rounding explains),
            unexplained_usd, noise_usd (Float64: the standard deviation of the sum of as many rounding errors), and
            exceeds_noise (boolean: whether the unexplained part is more than rounding explains).
        coverage: How many of the requested ids have a record; None if it is unknown. If some have none, the charge in
            the records is a lower bound.
        notices: Why a comparison may be unfair, such as periods that do not overlap.
    """

    rows: pd.DataFrame
    differences: pd.DataFrame
    drifts: pd.DataFrame
    coverage: Coverage | None
    notices: tuple[str, ...] = ()

    @property
    def matched(self) -> int:
        """The number of generations on both sides."""
        return self._count("both")

    @property
    def only_in_records(self) -> int:
        """The number of generations that the export lacks."""
        return self._count("records")

    @property
    def only_in_activity(self) -> int:
        """The number of generations without a record."""
        return self._count("activity")

    @property
    def differing(self) -> int:
        """The number of generations on both sides that differ."""
        return int(self.differences["requested_id"].nunique())

    @property
    def drifting(self) -> tuple[str, ...]:
        """The amounts whose small differences add up to more than rounding explains."""
        return tuple(self.drifts.loc[self.drifts["exceeds_noise"], "field"])

    @property
    def agrees(self) -> bool:
        """Whether both sides have the same generations, with the same figures."""
        return self.matched == len(self.rows) and self.differences.empty and not self.drifting

    @cached_property
    def answer(self) -> str:
        """Whether both sides agree, in one sentence."""
        total = self.totals().iloc[0]
        charged, exported, difference = (self._show(total, name) for name in _AMOUNTS)
        if not len(self.rows):
            return "Yes: there is no generation on either side."
        if self.agrees and not total["difference_usd"]:
            return f"Yes: records and activity agree on {self._count_all()}, {charged} on both sides."
        if self.agrees:
            amounts = f"{charged} in the records, {exported} in the activity"
            why = f"the export's rounding explains the difference of {difference}"
            return f"Yes: records and activity agree on {self._count_all()}, {amounts}; {why}."
        if not total["difference_usd"]:
            return f"No: both sides charge {charged}, but they differ: {', '.join(self._list_reasons())}."
        word = "more" if total["difference_usd"] > 0 else "less"
        size = _show_usd(abs(total["difference_usd"]))
        amounts = f"{exported} against {charged}"
        return f"No: the activity has {size} {word} than the records ({amounts}): {', '.join(self._list_reasons())}."

    def parts(self) -> pd.DataFrame:
        """Return where the difference comes from, one row per part; the parts add up to it exactly.

        Returns:
            `part`, one of `PARTS`; `generations` (Int64); `records_usd`, `activity_usd` and `difference_usd` (Float64).
            `changed` is about generations with a field that differs, `rounding` about all others on both sides, and
            what the export's rounding explains of them; `unexplained` is the rest of these, whose charge is in
            `rounding`. `attrs` contains `units` and `labels`.
        """
        rows = self.rows
        both, changed = rows["side"] == "both", rows["is_changed"]
        alike = rows[both & ~changed]
        rest = alike["activity_nanousd"] - alike["records_nanousd"] - alike["rounding_nanousd"]
        parts = [rows[rows["side"] == side] for side in _SIDES]
        cells = [_add_up(part) for part in (*parts, rows[both & changed], alike)]
        unexplained = int(rest.sum())
        cells[-1]["difference"] -= unexplained
        cells.append({"generations": int((rest != 0).sum()), "records": 0, "activity": 0, "difference": unexplained})
        table = pd.DataFrame({"part": pd.Series(PARTS, dtype=TEXT)})
        table["generations"] = pd.Series([one["generations"] for one in cells], dtype="Int64")
        for name in _AMOUNTS:
            table[f"{name}_usd"] = pd.Series([one[name] / NANO for one in cells], dtype="Float64")
        table.attrs = {"units": dict(_UNITS), "labels": _label_amounts()}
        return table

    def fields(self) -> pd.DataFrame:
        """Return what differs in generations on both sides, one row per field, the most frequent first.

        Returns:
            `field` (str); `generations` (Int64); `difference` (Float64), the sum of activity minus records in `unit`,
            null for texts and flags; `unit` (str).
        """
        groups = self.differences.groupby("field", sort=False)["difference"]
        found = pd.DataFrame(
            {"generations": groups.size().astype("Int64"), "difference": groups.sum(min_count=1).astype("Float64")}
        )
        found = found.sort_values("generations", ascending=False, kind="stable").reset_index()
        return found.assign(unit=found["field"].map(_find_unit).astype(TEXT))

    def largest(self, most: int = MOST_ROWS) -> pd.DataFrame:
        """Return the generations that are missing or changed, the largest difference in the charge first.

        Returns:
            `requested_id`, `part` and `fields` (str, those that differ); `records_usd`, `activity_usd` and
            `difference_usd` (Float64); at most `most` rows.
        """
        rows = self.rows[(self.rows["side"] != "both") | self.rows["is_changed"]]
        apart = rows["activity_nanousd"] - rows["records_nanousd"]
        chosen = rows.loc[apart.abs().sort_values(ascending=False, kind="stable").index[:most]]
        fields = self.differences.groupby("requested_id")["field"].agg(", ".join)
        found = pd.DataFrame(
            {
                "requested_id": chosen["requested_id"],
                "part": chosen["side"].map({**_SIDES, "both": PARTS[2]}).astype(TEXT),
                "fields": chosen["requested_id"].map(fields).where(chosen["is_changed"]).astype(TEXT),
            }
        )
        for name, nano in zip(_AMOUNTS, _split_amounts(chosen), strict=True):
            found[f"{name}_usd"] = (nano / NANO).astype("Float64")
        return found.reset_index(drop=True)

    def totals(self, by: str | None = None) -> pd.DataFrame:
        """Return the charge on both sides, in US$, in total or by one of requested_id, day, model and side.

        Returns:
            The column of `by`; `generations` (Int64); `records_usd`, `activity_usd` and `difference_usd` (Float64),
            which is activity minus records. Each is computed from whole nano-dollars, so that the groups add up to the
            total. `attrs` contains `units`, `labels`, `coverage` and `lower_bounds`, as that of `summarize`.

        Raises:
            InputError: `by` is another column.
        """
        if by is not None and by not in _GROUPS:
            msg = f"no totals by {by!r}; there are {', '.join(_GROUPS)}, or None for all generations"
            raise InputError(msg)
        amounts = ["records_nanousd", "activity_nanousd"]
        if by is None:
            sums = self.rows[amounts].sum().to_frame().T.assign(generations=len(self.rows))
        else:
            groups = self.rows.groupby(by, dropna=False, sort=by != "requested_id")
            sums = groups[amounts].sum().assign(generations=groups.size()).reset_index()
        table = {} if by is None else {by: sums[by]}
        table["generations"] = sums["generations"].astype("Int64")
        for name, nano in zip(_AMOUNTS, _split_amounts(sums), strict=True):
            table[f"{name}_usd"] = (nano / NANO).astype("Float64")
        totals = pd.DataFrame(table)
        totals.attrs = {
            "units": dict(_UNITS),
            "labels": _label_amounts(),
            COVERAGE: self.coverage and self.coverage.to_json(),
            "lower_bounds": ["records_usd"] if self._is_lower_bound else [],
        }
        return totals

    def __repr__(self) -> str:
        sections = [section.to_text() for section in self.list_sections()]
        coverage = describe_coverage(self.coverage)
        return "\n\n".join(["\n".join([self.answer, *self.notices]), *sections, *filter(None, [coverage])])

    def _repr_html_(self) -> str:
        first = "".join(make_lines([sentence]) for sentence in (self.answer, *self.notices))
        sections = [section.to_html() for section in self.list_sections()]
        return make_block(first, *sections, make_lines(filter(None, [describe_coverage(self.coverage)])))

    @property
    def _is_lower_bound(self) -> bool:
        return self.coverage is not None and self.coverage.is_partial

    def _count(self, side: str) -> int:
        return int((self.rows["side"] == side).sum())

    def _count_all(self) -> str:
        return f"all {format_count(len(self.rows), 'generation')}" if len(self.rows) > 1 else "the one generation"

    def _show(self, row: "pd.Series[Any]", name: str) -> str:
        text = _show_usd(row[f"{name}_usd"], signed=name == "difference")
        return mark_lower_bound(text) if name == "records" and self._is_lower_bound else text

    def _list_reasons(self) -> Iterator[str]:
        """Yield why both sides disagree."""
        parts = self.parts().set_index("part")
        for part in PARTS[:3]:
            count, difference = (parts[name][part] for name in ("generations", "difference_usd"))
            if count:
                yield f"{count:,} {part} ({_show_usd(difference, signed=True)})"
        for row in self.drifts[self.drifts["exceeds_noise"]].to_dict("records"):
            yield f"small differences of {row['field']} add up to {_show_usd(row['unexplained_usd'], signed=True)}"

    def list_sections(self) -> Iterator[Section]:
        """Yield the tables of the page, each with its headings as the first row; none if both sides agree."""
        if self.agrees:
            return
        parts = self.parts()
        yield self._lay_out("Where the difference comes from", "part", parts[parts["generations"] > 0])
        if self.drifts["unexplained_usd"].ne(0).any():
            yield Section("Small differences against the noise of rounding", tuple(self._describe_drifts()), (1, 2, 3))
        for by in ("model", "day"):
            totals = self._split_off_alike(by)
            yield self._lay_out(f"By {by}", by, totals)
        largest = self.largest()
        if len(largest):
            count = int(((self.rows["side"] != "both") | self.rows["is_changed"]).sum())
            title = f", the {MOST_ROWS} largest of {count:,}" if count > MOST_ROWS else ""
            yield Section(
                f"Missing or changed generations{title}",
                (("id", "", *_AMOUNTS, ""), *self._describe(largest)),
                (2, 3, 4),
            )
        if not self.differences.empty:
            heads = ("field", "generations", "difference", "largest")
            yield Section("Changed fields", (heads, *self._describe_fields()), (1, 2))

    def _lay_out(self, title: str, by: str, table: pd.DataFrame) -> Section:
        rows = [
            (name_group(row[by]), f"{row['generations']:,}", *(self._show(row, name) for name in _AMOUNTS), "")
            for _, row in table.iterrows()
        ]
        return Section(title, (("", "generations", *_AMOUNTS, ""), *rows), (1, 2, 3, 4))

    def _split_off_alike(self, by: str) -> pd.DataFrame:
        """Return the totals of groups; those that agree within the export's own rounding are one row."""
        rest = self.rows["activity_nanousd"] - self.rows["records_nanousd"] - self.rows["rounding_nanousd"]
        drifts = rest.ne(0) & bool(self.drifting)
        is_apart = (self.rows["side"] != "both") | self.rows["is_changed"] | drifts
        apart = is_apart.groupby(self.rows[by], dropna=False).any()
        totals = self.totals(by)
        totals[by] = totals[by].astype("object").map(name_group)
        agrees = pd.Series(~apart.to_numpy(dtype=bool), index=totals.index)
        largest = totals["difference_usd"].abs().where(~agrees).nlargest(_MOST_GROUPS).index
        is_small = ~agrees & ~totals.index.isin(largest)
        shown = totals[~agrees & ~is_small]
        merged = [_merge(totals[is_small], by, f"other {by}s"), _merge(totals[agrees], by, f"{by}s that agree")]
        return pd.concat([shown, *merged], ignore_index=True)

    def _describe_drifts(self) -> Iterator[tuple[str, ...]]:
        yield "", "generations", "unexplained", "noise (1 sd)"
        for row in self.drifts[self.drifts["generations"] > 0].to_dict("records"):
            amounts = (_show_usd(row["unexplained_usd"], signed=True), _show_usd(row["noise_usd"]))
            word = "more than rounding" if row["exceeds_noise"] else "within rounding"
            yield row["field"], f"{row['generations']:,}", *amounts, word

    def _describe(self, largest: pd.DataFrame) -> Iterator[tuple[str, ...]]:
        for _, row in largest.iterrows():
            what = f"changed: {row['fields']}" if row["part"] == PARTS[2] else row["part"]
            amounts = (_show_usd(row[f"{name}_usd"], signed=name == "difference") for name in _AMOUNTS)
            yield name_group(row["requested_id"]), what, *amounts, ""

    def _describe_fields(self) -> Iterator[tuple[str, ...]]:
        for row in self.fields().to_dict("records"):
            found = self.differences[self.differences["field"] == row["field"]]
            order = found["difference"].abs().sort_values(ascending=False, kind="stable", na_position="last").index
            first = found.loc[order[0]]
            example = f"{name_group(first['records'])} → {name_group(first['activity'])} ({first['requested_id']})"
            yield row["field"], f"{row['generations']:,}", _show_difference(row["difference"], row["unit"]), example


def _split_amounts(rows: pd.DataFrame) -> "tuple[pd.Series[Any], ...]":
    """Return the charge in the records and in the activity, and the difference, in whole nano-dollars."""
    records, activity = (rows[f"{name}_nanousd"].astype("Int64") for name in _SIDES)
    return records, activity, activity - records


def _merge(totals: pd.DataFrame, by: str, what: str) -> pd.DataFrame:
    """Return totals of groups as one row with their number; a single one as it is."""
    if len(totals) <= 1:
        return totals
    sums = totals.drop(columns=by).sum().to_frame().T
    return sums.assign(**{by: f"{len(totals):,} {what}"}).astype({"generations": "Int64"})


def _add_up(rows: pd.DataFrame) -> dict[str, int]:
    sums = (int(amounts.sum()) for amounts in _split_amounts(rows))
    return {"generations": len(rows), **dict(zip(_AMOUNTS, sums, strict=True))}


def _label_amounts() -> dict[str, str]:
    return {name: name.removesuffix("_usd") for name in _UNITS}


def _find_unit(field: str) -> str:
    column = BY_NAME[field]
    return Unit.MS.value if column.kind is Kind.TIME else column.unit.value


def _show_difference(difference: float | None, unit: str) -> str:
    """Return a sum of differences with its sign and unit."""
    if pd.isna(difference) or not unit:
        return GAP
    return format_change(float(difference), Unit(unit), decimals=_DECIMALS if unit == Unit.USD.value else None)


def _show_usd(amount: float, *, signed: bool = False) -> str:
    """Return an amount to the micro-dollar, in which exports are.

    >>> _show_usd(0.25), _show_usd(0.25, signed=True), _show_usd(-0.1, signed=True)
    ('$0.250000', '+$0.250000', '−$0.100000')
    """
    show = format_change if signed else format_value
    return show(float(amount), Unit.USD, decimals=_DECIMALS)
