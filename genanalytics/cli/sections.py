"""The commands in the order of work, with the first sentence of their help: `--help` loads no command."""

from collections.abc import Mapping

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Get records": {
        "demo": "Run an example on synthetic records, without an API key.",
        "doctor": "Check Python, packages, API key, service and cache.",
        "ids": "Find generation ids, in files or at the service.",
        "fetch": "Fetch the records of generation ids.",
        "watch": "Follow logs, fetch new records, and show what they cost.",
    },
    "Look at them": {
        "today": "Show cost, savings and latency of today, by model.",
        "week": "Show cost, savings and latency of this week, by model.",
        "month": "Show cost, savings and latency of this month, by model.",
        "summary": "Show cost, cache savings, latency and more, by group.",
        "top": "Show the most expensive sessions, generations or apps.",
        "show": "Show one generation in full, and its cost as a sum.",
        "sessions": "Show cost, length and caching per session.",
        "attempts": "Show attempts and success rate per provider.",
        "quality": "Show doubtful records.",
        "plot": "Draw a chart of records into a file.",
        "report": "Write a report as one HTML page.",
    },
    "Explain the bill": {
        "items": "Show what the bill was for: input, caching, output.",
        "prices": "Show the unit prices at which requests were billed.",
        "price-changes": "Show what price changes and surcharges cost.",
        "change": "Show why the cost of a month or week changed.",
        "changes": "Show what changed, and since when.",
        "compare": "Compare two groups in one figure, with a 95 % interval.",
        "cache-flips": "Show calls that lost the prompt cache of their session.",
        "reconcile": "Compare RECORDS with the service's own ACTIVITY exports.",
        "coverage": "Show how much of the service's bill the records contain.",
    },
    "Decide": {
        "recommend": "Show what to do first, ranked by US$ a month.",
        "waste": "Show what was paid for nothing, and the time that was lost.",
        "what-if": "Show what the same requests would have cost elsewhere.",
        "forecast": "Show what the month will cost, against a budget.",
        "cache-replay": "Show what another cache policy would have cost.",
    },
    "Keep records": {
        "export": "Fetch records into a data set, or into one file.",
        "compact": "Merge the small files of a data set or a Delta table.",
        "cache": "Inspect and maintain the cache of records.",
    },
    "Set up": {
        "completion": "Print a script for shell completion.",
        "mcp": "Serve records to a coding agent, as read-only tools.",
        "skill": "Print SKILL.md, a guide for coding agents.",
        "sandbox": "Serve sample records on this machine, until Ctrl-C.",
    },
}
MODULES: Mapping[str, str] = dict.fromkeys(("today", "week", "month", "overview"), "overviews")
"""The modules of commands that have none of their own name."""
