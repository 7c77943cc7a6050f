"""The `genanalytics` command, also as `python -m genanalytics`."""

from genanalytics.cli.signals import leave_at_once


def main() -> None:
    """Run the command line and exit; signals are handled before the rest is imported."""
    leave_at_once()
    from genanalytics.cli.main import main as run_commands  # noqa: PLC0415 - see above

    run_commands()


if __name__ == "__main__":
    main()
