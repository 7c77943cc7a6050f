"""The report: one HTML page."""

from genanalytics.report.write import write_report

__all__ = ["write_report"]
