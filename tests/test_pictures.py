"""The pictures that the documentation shows are those that would be made now."""

import numpy as np
from PIL import Image

from agents import report_page
from envs.rendering.page import page_sources
from tests import pictures

MEND = "stale: python -m tests.pictures makes it anew"


def test_the_frame_is_the_one_that_is_drawn_now():
    shown = np.asarray(Image.open(pictures.FRAME).convert("RGB"), float)
    now = pictures.draw_frame().astype(float)
    # Another processor's smooth edges change little; a threat that moved does not.
    assert shown.shape == now.shape
    assert (np.abs(shown - now).max(axis=2) > 8.0).mean() < 5e-5, MEND


def test_the_screenshot_is_of_the_page_as_it_is_now():
    with Image.open(pictures.SCREENSHOT) as shot:
        assert shot.info[pictures.SOURCES] == pictures.sources_digest(), MEND
    assert "Content-Security-Policy" in page_sources()
    assert "function trackStory" in page_sources()


def test_the_report_s_picture_is_of_the_page_as_it_is_now():
    with Image.open(pictures.REPORT) as shot:
        assert shot.info[pictures.SOURCES] == pictures.report_digest(), MEND


def test_a_report_that_looks_otherwise_makes_its_picture_stale(monkeypatch):
    before = pictures.report_digest()
    monkeypatch.setattr(report_page, "_style", lambda: "body { color: red; }")
    assert pictures.report_digest() != before


def test_the_picture_of_tensorboard_has_the_charts_that_there_are_now():
    with Image.open(pictures.TENSORBOARD) as shot:
        assert shot.info[pictures.SOURCES] == pictures.tensorboard_digest(), MEND
