"""`python -m lab.bench.hard.preloaded`: starts `bookstate` commands without importing again.

It has imported what the commands need, and forks a process when a line on its standard input asks
for one with a JSON object: the arguments, the environment and a file for what it prints. Such a
process runs the program's own `main` and is killed like any other; only the seconds of imports, in
which nothing can be lost, are missing. A line `{"wait": PID}` waits for one and tells its status.
There are no threads, so that a fork finds no lock taken.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    """Serve requests until standard input ends."""
    import gradio  # noqa: F401
    import langchain_text_splitters  # noqa: F401

    import app.cli.main
    import app.ui.server

    _tell(ready=True, threads=len(list(Path("/proc/self/task").iterdir())))
    for line in sys.stdin:
        asked = json.loads(line)
        if "wait" in asked:
            _, status = os.waitpid(asked["wait"], 0)
            _tell(status=os.waitstatus_to_exitcode(status))
            continue
        pid = os.fork()
        if pid == 0:
            _become(asked, app.cli.main.main)
        _tell(pid=pid)


def _become(asked: dict[str, Any], run: Any) -> None:
    """Run one command in this process, which ends with it."""
    os.environ.update(asked["environment"])
    sys.argv = ["bookstate", *asked["arguments"]]
    out = os.open(asked["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, descriptor in enumerate((nothing, out, out)):
        os.dup2(descriptor, number)
    code = 1
    try:
        run()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter does
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _tell(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
