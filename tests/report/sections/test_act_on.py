"""Actions and findings at the head of a report."""

from dataclasses import replace

import pandas as pd

from genanalytics.report.blocks import Facts, Section, Text
from genanalytics.report.finding import Finding
from genanalytics.report.findings import choose_notable
from genanalytics.report.given import make_given
from genanalytics.report.sections.act_on import make_act_on
from support.generations import frame_of
from support.pages import find_block


def total(cost: float | None) -> pd.DataFrame:
    return pd.DataFrame({"effective_cost": pd.array([cost], dtype="Float64")})


def make_section(frame: pd.DataFrame) -> Section:
    return make_act_on(make_given(frame, files=["my records.parquet"]))


def test_a_finding_about_little_money_is_left_out() -> None:
    findings = [Finding(str(usd), "", usd=usd) for usd in (0.009, 0.011, 0.49, 0.51, -0.6)]
    assert [each.usd for each in choose_notable(findings, total(100.0), [])] == [0.51, -0.6]  # 0.5 % of $100
    assert [each.usd for each in choose_notable(findings, total(0.5), [])] == [0.011, 0.49, 0.51, -0.6]  # a cent
    assert len(choose_notable([Finding("", "")], total(None), [])) == 1


def test_a_finding_that_an_action_says_is_left_out() -> None:
    finding = Finding("$5.00", "", about="surcharge on maker/m at P:")
    action = "Avoid the surcharge on maker/m at P: exclude the expensive endpoint"
    assert choose_notable([finding], total(9.0), [action]) == []
    assert choose_notable([finding], total(9.0), [action.replace("at P", "at PQ")]) == [finding]


def recommend(number: int) -> pd.DataFrame:
    """Return recommendations, the first worth $9 a month, each $1 less than the one before."""
    row = {"basis": "upper bound", "evidence": "seen", "risk": "none", "check": "genanalytics waste PATH"}
    rows = [
        row
        | {"action": f"Do {place}", "details": "genanalytics cache-flips PATH"}
        | {f"usd_per_month{end}": 9.0 - place for end in ("", "_low", "_high")}
        for place in range(number)
    ]
    found = pd.DataFrame(rows)
    found.attrs = {"notices": ["the amounts can overlap"], "considered": number}
    return found


def test_at_most_five_actions_are_worth_an_amount_a_month() -> None:
    given = make_given(frame_of({}), files=["my records.parquet"])
    section = make_act_on(replace(given, recommended=recommend(7)))
    facts = find_block(section, "actions", Facts).facts
    assert [fact.figure for fact in facts] == [f"≤ ${amount}.00 a month" for amount in (9, 8, 7, 6, 5)]
    assert facts[0].text == "Do 0. Evidence: seen. Risk: none. Worth: 95 % interval $9.00 to $9.00."
    assert facts[0].link == "caching"
    assert facts[0].commands[0] == ("Details", "genanalytics cache-flips 'my records.parquet'")
    assert section.answer == "Do first: do 0, worth at most $9.00 a month."
    notices = [block.text for block in section.blocks if isinstance(block, Text)]
    assert notices == ["The amounts can overlap.", "2 more actions: genanalytics recommend 'my records.parquet'."]


def test_without_actions_the_section_says_why() -> None:
    section = make_section(frame_of({}))
    assert section.answer == "Nothing to recommend."
    assert [block.name for block in section.blocks if isinstance(block, Facts)] == ["findings"]
    reason = "1 day of records say too little about a month: recommendations need 14 days."
    assert reason in [block.text for block in section.blocks if isinstance(block, Text)]


def test_a_single_model_is_no_finding() -> None:
    section = make_section(frame_of({"total_cost": 0.000446}))
    texts = [fact.text for fact in find_block(section, "findings", Facts).facts]
    assert texts == ["No record reports a discount, so savings and costs of prompt caching are unknown."]
