import re
from pathlib import Path

from ticketing.billing.sources.mapping.load import load_mapping
from ticketing.platform.paths import PROJECT_ROOT


def test_the_mapping_file_of_the_page_can_be_loaded(tmp_path: Path) -> None:
    page = (PROJECT_ROOT / "docs/how-to/billing.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    file = tmp_path / "mapping.toml"
    file.write_text(text, encoding="utf-8")

    assert load_mapping(file).students.paging.total == "meta.total"
