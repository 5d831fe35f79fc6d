"""`python -m app` is `bookstate`."""

from app.cli.main import main

if __name__ == "__main__":
    main()
