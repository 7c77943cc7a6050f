"""A stand-in of the API for trials, teaching and tests: sample records, served over real HTTP on this machine.

>>> month = sample(20)
>>> len(set(month.ids)), len(month.records)
(20, 20)
"""

from genanalytics.sandbox.activity import activity_csv
from genanalytics.sandbox.prices import Items, PriceSheet, Terms
from genanalytics.sandbox.records import Sample, sample
from genanalytics.sandbox.server import Sandbox

__all__ = ["Items", "PriceSheet", "Sample", "Sandbox", "Terms", "activity_csv", "sample"]
