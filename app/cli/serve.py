"""`bookstate serve`: the web page and the endpoints for programs. `bookstate mcp`: one program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import Backbone, opened, opened_for_all
from app.errors import InvalidSetting

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 7860,
    auth_file: Annotated[Path | None, typer.Option(hidden=True)] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure", help="Let other computers use the library although nobody has to log in."
        ),
    ] = False,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="Another name that this server answers to; give it once for each name."),
    ] = None,
    allowed_origin: Annotated[
        list[str] | None,
        typer.Option(
            help="A page of another site that may call this server, such as "
            "https://notes.example; give it once for each page."
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
    backbone: Backbone = None,
) -> None:
    """Start the web page and open it in a browser; people log in if there are accounts."""
    from app.ui.server import serve_ui  # gradio takes seconds to import

    with opened_for_all(backbone) as library:
        if auth_file is not None:
            raise InvalidSetting(
                "--auth-file kept passwords that anybody with the file could read; it is gone. Add "
                "each account with `bookstate users add NAME`, then start the server without it."
            )
        serve_ui(
            library,
            host,
            port,
            insecure=insecure,
            open_browser=open_browser,
            allowed_hosts=allowed_host or (),
            allowed_origins=allowed_origin or (),
        )


@commands.command()
def mcp(backbone: Backbone = None) -> None:
    """Answer an assistant that speaks MCP on standard input and output."""
    import anyio

    from app.line.line import Line
    from app.programs.callers import Caller
    from app.programs.mcp.server import serve_stdio

    with opened(backbone) as library:
        line = Line()
        try:
            anyio.run(serve_stdio, Caller(library, line))
        finally:
            line.stop(lambda work: True)
