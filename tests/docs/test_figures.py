"""The figures of docs/model.md are those that would be drawn now."""

import numpy as np
import pytest
from PIL import Image

from docs.tools import figures


@pytest.mark.parametrize("name", figures.FIGURES)
def test_a_figure_is_the_one_that_is_drawn_now(name: str) -> None:
    shown = np.asarray(Image.open(figures.FOLDER / f"{name}.png").convert("RGB"), float)
    now = figures.drawn(name).astype(float)
    # The file has fewer colours, and another processor's smooth edges change little.
    assert shown.shape == now.shape
    off = (np.abs(shown - now).max(axis=2) > 48.0).mean()
    assert off < 1e-3, f"{off:.2%} differ: stale, python -m docs.tools.figures draws them anew"


def test_a_figure_that_draws_something_else_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "BLUE", "#CC79A7")
    with pytest.raises(AssertionError, match="stale"):
        test_a_figure_is_the_one_that_is_drawn_now("model-kill")
