"""`bookstate serve`: the web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import Backbone, opened

commands = typer.Typer()


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 7860,
    auth_file: Annotated[
        Path | None,
        typer.Option(
            help="Ask for a login; this file lists who may log in, one user:password a line."
        ),
    ] = None,
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
    """Start the web page and open it in a browser."""
    from app.ui.server import serve_ui  # gradio takes seconds to import

    with opened(backbone) as library:
        serve_ui(
            library,
            host,
            port,
            auth_file,
            open_browser=open_browser,
            allowed_hosts=allowed_host or (),
            allowed_origins=allowed_origin or (),
        )
