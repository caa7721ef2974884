"""The locks of the conformance environments pin all that is installed there."""

import pytest

pytest.importorskip("torchrl", reason="needs the extra conformance: make conformance")
pytest.importorskip("minari", reason="needs the extra conformance: make conformance")

from tests.test_project import pins, unpinned


def test_both_locks_pin_everything_the_extra_needs() -> None:
    more = pins("requirements-conformance.lock")
    assert not set(more) & set(pins())
    wrong, needed = unpinned("conformance", pins() | more)
    assert wrong == []
    assert needed > 50
