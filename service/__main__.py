"""`selvedge`, or `python -m service`."""

from service.cli.commands import run


def main() -> None:
    """Entry point of the installed command."""
    run()


if __name__ == "__main__":
    main()
