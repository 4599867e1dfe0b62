"""Tests of the application: objects by type, built once, by the factory of their name."""

from pathlib import Path

import pytest
from sqlalchemy import URL

from ticketing.app.container import get_factory
from ticketing.documents.templates import TemplateFolders
from ticketing.notifications.whatsapp.providers import WhatsAppProviderConfig
from ticketing.platform.application import Application
from ticketing.platform.db.database import Database
from ticketing.platform.settings import Settings

ANYWHERE = URL.create("postgresql+psycopg", host="127.0.0.1", database="none")


@pytest.fixture
def application(tmp_path: Path) -> Application:
    """Return an application without a database."""
    settings = Settings(_env_file=None, data_path=tmp_path, whatsapp_provider="none")
    return Application(
        settings, Database.from_url(ANYWHERE), ANYWHERE, ANYWHERE, get_factory=get_factory
    )


def test_an_object_is_built_once(application: Application) -> None:
    assert application.get(TemplateFolders) is application.get(TemplateFolders)


def test_a_registered_value_comes_before_the_factory(application: Application) -> None:
    templates = TemplateFolders()

    application.register_value(TemplateFolders, templates)

    assert application.get(TemplateFolders) is templates


def test_an_object_without_settings_is_none(application: Application) -> None:
    assert application.find(WhatsAppProviderConfig) is None
    with pytest.raises(LookupError, match="WhatsAppProviderConfig"):
        application.get(WhatsAppProviderConfig)


def test_a_type_that_nothing_builds_is_named(application: Application) -> None:
    with pytest.raises(LookupError, match="nothing builds a Path"):
        application.get(Path)


def test_another_type_of_the_same_name_is_not_mistaken(application: Application) -> None:
    other = type("TemplateFolders", (), {})

    with pytest.raises(TypeError, match="TemplateFolders"):
        application.get(other)
