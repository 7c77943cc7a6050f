"""`python -m genanalytics` is the `genanalytics` command."""

from genanalytics.cli.main import main

if __name__ == "__main__":
    main()
