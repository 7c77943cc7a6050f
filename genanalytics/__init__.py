"""OpenRouter generation ids in, answers out: cost, prompt-cache savings and latency as one typed pandas frame.

    import genanalytics as ga

    result = ga.fetch("gen-...")  # or a list, a Series, a file; the API key is in OPENROUTER_API_KEY
    ga.overview(result.frame, by="model")  # a table for people; ga.summarize returns the same figures as a frame
    ga.select(result.frame, "model ~ gpt", last="week")  # some of the records

`dir(ga)` lists the names, and `__init__.pyi` says where they are. Importing the package loads neither pandas nor
matplotlib: a name loads at its first use.
"""


def __getattr__(name: str) -> object:
    get, _, names = _attach()
    return names if name == "__all__" else get(name)


def __dir__() -> list[str]:
    return _attach()[1]()


def _attach():  # noqa: ANN202 - the stub has the types
    """Let lazy-loader serve the names from now on.

    It loads at the first use of a name: the command line handles signals first, or Ctrl-C would print a traceback.
    """
    import lazy_loader  # noqa: PLC0415

    load, list_names, names = lazy_loader.attach_stub(__name__, __file__)

    def get(name: str) -> object:
        if name in names or name.startswith("_"):
            return load(name)
        from genanalytics.base.text import suggest  # noqa: PLC0415

        msg = f"module {__name__!r} has no {name!r}; {suggest(name, names)}dir({__name__}) lists its names"
        raise AttributeError(msg)

    attached = get, list_names, names
    globals().update(zip(("__getattr__", "__dir__", "__all__"), attached, strict=True))
    return attached
