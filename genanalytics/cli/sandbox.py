"""The command `sandbox`."""

from pathlib import Path

import click

from genanalytics.base.atomic import replace_file
from genanalytics.cli.options import FILE
from genanalytics.cli.streams import say
from genanalytics.units import format_count


@click.command(
    epilog="""\b
Examples:
  genanalytics sandbox --port 8000 --ids ids.txt
  genanalytics fetch ids.txt --base-url http://127.0.0.1:8000/api/v1"""
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="P", help="Port on 127.0.0.1 (default: any free port)."
)
@click.option("--records", type=click.IntRange(1), default=400, show_default=True, metavar="N", help="Number of ids.")
@click.option("--seed", type=int, default=7, show_default=True, metavar="S", help="Seed of the sample.")
@click.option("--ids", "ids_file", type=FILE, help="Write the ids of the sample to this file.")
def sandbox(port: int, records: int, seed: int, ids_file: str | None) -> None:
    """Serve sample records on this machine, until Ctrl-C.

    The path is GET /api/v1/generation. Any bearer token is accepted.
    The records are synthetic, with the fields and formats of real ones.
    """
    from genanalytics.sandbox import Sandbox, sample

    made = sample(records, seed)
    if ids_file is not None:
        with replace_file(Path(ids_file)) as part:
            part.write_text("".join(f"{generation_id}\n" for generation_id in made.ids), encoding="utf-8")
        say(f"Wrote {format_count(len(made.ids), 'id')} to {ids_file}.", err=True)
    server = Sandbox(made, port=port)
    say(f"Serving {format_count(len(made.records), 'record')} at {server.base_url}; Ctrl-C stops.", err=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("Stopped.", err=True)
