"""The pictures of the documentation are what the command shows today."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pictures

MAX_BYTES = 100 * 1024


def test_the_pictures_are_current() -> None:
    """As `python scripts/pictures.py` writes them, to the byte, each used and small."""
    drawn = pictures.draw_all()
    assert len(drawn) == len(pictures.PICTURES)
    pages = "".join(
        (pictures.ROOT / name).read_text(encoding="utf-8")
        for name in ("docs/diff.md", "docs/gates.md")
    )
    for name, text in drawn.items():
        assert (pictures.ROOT / name).read_text(encoding="utf-8") == text, name
        assert len(text.encode()) < MAX_BYTES
        assert f"({name.removeprefix('docs/')})" in pages


def test_a_picture_asks_nobody_for_anything() -> None:
    """No font, script or style from elsewhere; what it shows is text that can be searched."""
    for picture in pictures.PICTURES:
        text = (pictures.ROOT / pictures.FOLDER / f"{picture.name}.svg").read_text("utf-8")
        assert text.replace("http://www.w3.org/2000/svg", "").count("://") == 0
        assert not {"script", "image", "use", "a"}.intersection(
            element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()
        )
        assert "@import" not in text
