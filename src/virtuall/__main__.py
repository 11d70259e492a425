"""`python -m virtuall`."""

from virtuall.cli.main import main

if __name__ == "__main__":
    main()
