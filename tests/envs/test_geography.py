import numpy as np
import pytest
from pyproj import Geod

from envs.geography import arc, length, spaced, to_plane
from tests.envs.small import at

TOWNS = {"Tallinn": (24.75, 59.44), "Vilnius": (25.28, 54.69), "Klaipeda": (21.13, 55.70)}


def test_the_middle_of_the_map():
    assert np.array_equal(to_plane([(24.5, 57.0)]), [[0.0, 0.0]])
    assert to_plane([]).shape == (0, 2)


@pytest.mark.parametrize("pair", [("Tallinn", "Vilnius"), ("Vilnius", "Klaipeda")])
def test_distances_on_the_plane_are_those_on_the_ellipsoid(pair):
    (lon1, lat1), (lon2, lat2) = (TOWNS[name] for name in pair)
    true_m = Geod(ellps="GRS80").inv(lon1, lat1, lon2, lat2)[2]
    plane = to_plane([TOWNS[name] for name in pair])
    assert np.hypot(*(plane[1] - plane[0])) == pytest.approx(true_m, rel=2e-3)


def test_places_are_whole_metres_and_the_tests_own_inverse_is_right():
    plane = to_plane([tuple(at(12.345, -67.89)), tuple(at(-30, 40))])
    assert np.array_equal(plane, [[12345.0, -67890.0], [-30000.0, 40000.0]])


def test_spaced_points_along_a_line():
    line = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 9.0]])
    points = spaced(line, 5)
    assert points == pytest.approx(np.array([[0, 0], [3, 0], [3, 3], [3, 6], [3, 9]]))
    assert np.all(spaced(line[:1], 3) == 0.0)
    assert length(line) == 12.0


def test_an_arc_goes_clockwise_from_north():
    points = arc(np.array([0.0, 0.0]), 1000.0, 0.0, 90.0, 3)
    assert points == pytest.approx(np.array([[0, 1000], [707, 707], [1000, 0]]), abs=1.0)
