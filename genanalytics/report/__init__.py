"""One HTML file that answers, for people who would rather look than compute."""

from genanalytics.report.write import write_report

__all__ = ["write_report"]
