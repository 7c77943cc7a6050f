__all__: list[str]
from . import metrics as metrics, plots as plots, sandbox as sandbox
from ._version import __version__ as __version__
from .bill.explain import explain as explain
from .bill.explanation import Explanation as Explanation
from .bill.flips import cache_flip_summary as cache_flip_summary, cache_flips as cache_flips
from .bill.items import itemize as itemize
from .bill.price_changes import price_changes as price_changes
from .bill.prices import prices as prices
from .dataset.export import ExportResult as ExportResult, export as export
from .dataset.redact import Redaction as Redaction
from .dataset.writer import compact as compact
from .decide.advice.recommend import recommend as recommend
from .decide.budget.forecast import forecast as forecast
from .decide.budget.outlook import Forecast as Forecast
from .decide.elsewhere.what_if import what_if as what_if
from .decide.labelling.labels import label as label
from .decide.losses.waste import waste as waste
from .decide.mix.cost_change import cost_change as cost_change
from .decide.replay.cache_replay import cache_replay as cache_replay
from .decide.replay.hit_rate import hit_rate_by_gap as hit_rate_by_gap
from .decide.shifts.changes import changes as changes
from .errors import (
    CacheError as CacheError,
    GenAnalyticsError as GenAnalyticsError,
    InputError as InputError,
    KeyRefusedError as KeyRefusedError,
    MissingColumnError as MissingColumnError,
    OutputError as OutputError,
    PoorerResultError as PoorerResultError,
)
from .fetching.account.find_ids import FoundIds as FoundIds, find_ids as find_ids
from .fetching.client import Client as Client
from .fetching.daily_activity import fetch_daily_activity as fetch_daily_activity
from .fetching.fetch import fetch as fetch
from .fetching.result import FetchResult as FetchResult, Stats as Stats
from .files import (
    read as read,
    read_parquet as read_parquet,
    write as write,
    write_parquet as write_parquet,
)
from .ids.read import Ids as Ids, read_ids as read_ids
from .metrics.attempts import attempt_summary as attempt_summary, attempts as attempts
from .metrics.compared import Comparison as Comparison
from .metrics.comparison import compare as compare
from .metrics.distribution import distribution as distribution
from .metrics.engines.scan import scan as scan
from .metrics.expensive import most_expensive as most_expensive
from .metrics.quality import quality as quality
from .metrics.sessions import sessions as sessions
from .metrics.summary import summarize as summarize
from .metrics.where.select import select as select
from .records.frame import drift as drift
from .records.schema import COLUMNS as COLUMNS
from .report.write import write_report as write_report
from .service.activity import read_activity as read_activity
from .service.bill_coverage import BillCoverage as BillCoverage, coverage as coverage
from .service.daily_activity import read_daily_activity as read_daily_activity
from .service.focus import focus_charges as focus_charges
from .service.reconcile import reconcile as reconcile
from .service.reconciliation import Reconciliation as Reconciliation
from .tables.overview import overview as overview
from .tables.table import Table as Table, table as table
