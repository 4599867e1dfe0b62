"""`ticketing templates`: list, check."""

from typing import Annotated

import typer

from ticketing.platform.cli.console import open_application
from ticketing.platform.cli.options import JsonOption
from ticketing.platform.cli.output import print_json, print_list, print_text

app = typer.Typer(no_args_is_help=True)


@app.command("list")
def list_templates(*, as_json: JsonOption = False) -> None:
    """List ticket templates with the numbers that the HTTP API accepts."""
    from ticketing.documents.templates import TemplateFolders
    from ticketing.tickets import template_choice

    with open_application() as application:
        found = template_choice.list_templates(
            application.database, application.get(TemplateFolders)
        )
    columns = {
        "number": lambda template: str(template.number),
        "name": lambda template: template.name,
    }
    print_list(found, columns, as_json=as_json, empty="No templates.")


@app.command("check")
def check_templates(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Folder names of templates; all if omitted.", metavar="[NAME]..."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Render a sample with ticket templates, and read its QR code and texts back.

    Exit code 1 when a template cannot be used.
    """
    from ticketing.documents.renderer import Renderer
    from ticketing.documents.templates import TemplateFolders
    from ticketing.platform.kernel.errors import TemplateBroken

    results: dict[str, str | None] = {}
    with open_application() as application:
        renderer = application.get(Renderer)
        for name in names or application.get(TemplateFolders).ids():
            try:
                renderer.check_template(name)
                results[name] = None
            except TemplateBroken as error:
                results[name] = str(error)
    if as_json:
        print_json([{"template": name, "problem": text} for name, text in results.items()])
    else:
        print_text(*(problem or f"{name}: can be used" for name, problem in results.items()))
    raise typer.Exit(1 if any(results.values()) else 0)
