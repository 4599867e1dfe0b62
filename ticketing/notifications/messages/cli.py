"""`ticketing messages`: what people are told, read before anybody gets it."""

from typing import TYPE_CHECKING, Annotated

import typer

from ticketing.platform.cli.console import get_loader, print_json, stdout_console

if TYPE_CHECKING:
    from ticketing.notifications.messages.templates import MessageTemplates

app = typer.Typer(help="Read the texts of mails and chats.", no_args_is_help=True)

NameArgument = Annotated[
    str, typer.Argument(help="As `ticketing messages list` says.", show_default=False)
]
LanguageOption = Annotated[str, typer.Option(help="id or en.")]


@app.command("list")
def names() -> None:
    """List every message there is."""
    for name in _load_templates().names():
        stdout_console().print(name, markup=False)


@app.command("preview")
def preview(
    name: NameArgument,
    *,
    language: LanguageOption = "id",
    html: Annotated[bool, typer.Option("--html", help="The mail as HTML, for a file.")] = False,
) -> None:
    """Show a message with made-up facts, as a mail and as a chat."""
    messages = _load_templates()
    shown = messages.preview(_require_template(messages, name), _require_language(language))
    if html:
        typer.echo(shown.mail.html)
        return
    out = stdout_console()
    files = ", ".join(each.name for each in shown.mail.attachments)
    out.print(f"[bold]mail[/]  {language}")
    out.print(f"{shown.mail.subject}\n\n{shown.mail.text}", markup=False)
    out.print(f"\n[bold]chat[/]  {language}")
    out.print(shown.chat.text, markup=False)
    if files:
        out.print(f"\n[bold]with[/]  {files}")


@app.command("approval")
def approval(name: NameArgument, *, language: LanguageOption = "id") -> None:
    """Print what Meta has to approve before it delivers a message; set WEB_PUBLIC_URL first."""
    messages = _load_templates()
    print_json(
        messages.approval_request(_require_template(messages, name), _require_language(language))
    )


def _load_templates() -> "MessageTemplates":
    from ticketing.notifications.messages.templates import MessageTemplates

    settings = get_loader().settings()
    return MessageTemplates.linking_to(settings.public_base_url, settings.messages_path)


def _require_template(templates: "MessageTemplates", name: str) -> str:
    if name not in templates.names():
        raise typer.BadParameter(f"no message is called {name!r}; `ticketing messages list`")
    return name


def _require_language(language: str) -> str:
    from ticketing.notifications.messages.templates import LANGUAGES

    if language not in LANGUAGES:
        raise typer.BadParameter(f"{language!r} is none of {', '.join(LANGUAGES)}")
    return language
