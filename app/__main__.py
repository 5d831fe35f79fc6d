"""`python -m app` is `bookstate`."""

from app.cli import main

if __name__ == "__main__":
    main()
