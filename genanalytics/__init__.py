"""OpenRouter generation ids in, answers out: cost, prompt-cache savings and latency as one typed pandas frame."""

from genanalytics._version import __version__

__all__ = ["__version__"]
