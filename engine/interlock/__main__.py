"""`python -m interlock`: runs the command line, which is an adapter."""

import sys
from importlib.metadata import entry_points


def main() -> None:
    """Run the console script `interlock`."""
    scripts = entry_points(group="console_scripts", name="interlock")
    if not scripts:
        sys.exit("The command line is not installed. Run: pip install interlock-jobs")
    next(iter(scripts)).load()()


if __name__ == "__main__":
    main()
