"""OpenRouter generation ids in, answers out: cost, prompt-cache savings and latency as one typed pandas frame.

    import genanalytics as ga

    result = ga.fetch("gen-...")  # or a list, a Series, a pathlib.Path; the API key is in OPENROUTER_API_KEY
    ga.summarize(result.frame, by="model")

The names are listed in `__init__.pyi`. Importing the package loads neither pandas nor matplotlib: a name loads at its
first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
