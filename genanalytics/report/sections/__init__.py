"""The sections of a report, in their order."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from genanalytics.report.blocks import Section
from genanalytics.report.given import Given
from genanalytics.report.sections.act_on import make_act_on
from genanalytics.report.sections.appendix import make_appendix
from genanalytics.report.sections.caching import make_caching
from genanalytics.report.sections.prices import make_prices
from genanalytics.report.sections.reliability import make_reliability
from genanalytics.report.sections.speed import make_speed
from genanalytics.report.sections.spend import make_spend
from genanalytics.report.sections.when import make_when
from genanalytics.report.sections.who import make_who

SECTIONS: Mapping[str, Callable[[Given], Section | None]] = MappingProxyType(
    {
        "act-on": make_act_on,
        "spend": make_spend,
        "who": make_who,
        "prices": make_prices,
        "caching": make_caching,
        "speed": make_speed,
        "reliability": make_reliability,
        "when": make_when,
        "appendix": make_appendix,
    }
)
"""What makes each section, by its name; it is None if the data has nothing to say on it."""
