"""The figures of docs/model.md: `python -m docs.tools.figures` draws them anew, in docs/images.

Curves are what the kernels of the core return, called here without compilation, so a figure shows
what is simulated. `tests/docs/test_figures.py` says when one is stale.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from envs.core import fire_control, params, randomness, sensing, state
from envs.scenario import load_scenario
from envs.scenario_params import scenario_params

FOLDER = Path(__file__).parents[1] / "images"
# Okabe and Ito's, told apart by people with any colour vision.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#666666"
SIZE_INCHES, DPI = (7.2, 3.4), 110
RAIDS = 4000  # of which luck is drawn for the figure of kill numbers


def plain(kernel: Any) -> Callable[..., Any]:
    """Return a kernel as Python runs it, which for a few points is sooner than compiling it."""
    function: Callable[..., Any] = getattr(kernel, "py_func", kernel)
    return function


def sight() -> Figure:
    """How far away a threat is in sight, and with what chance it is detected."""
    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE_INCHES)
    altitude_m = np.linspace(0.0, 1_000.0, 200)
    antennas = ((2, GREY), (15, BLUE), (30, GREEN), (100, ORANGE))
    for antenna_m, colour in antennas:
        ground_m = sensing.HORIZON * (np.sqrt(antenna_m) + np.sqrt(altitude_m))
        left.plot(ground_m / 1e3, altitude_m, color=colour, label=f"antenna at {antenna_m} m")
    _label(left, "in sight to the left", "ground range (km)", "altitude of the threat (m)")
    deployed = scenario_params(load_scenario("standard")).sensor[0]
    radar = deployed[int(np.argmin(deployed["range_m"]))]
    detect, range_m = plain(sensing.chance), np.linspace(0.0, 130e3, 400)
    for signature, colour in ((1.0, BLUE), (0.8, GREEN), (0.6, ORANGE)):
        for height_m, line in ((3_000.0, "-"), (80.0, ":")):
            chance = [
                detect(radar, r * r, r * r, np.sqrt(height_m), signature, True) for r in range_m
            ]
            label = f"signature {signature:g}" if line == "-" else None
            right.plot(range_m / 1e3, chance, line, color=colour, label=label)
    _label(right, "gap filler; dotted: threat at 80 m", "range (km)", "chance of a detection")
    return figure


def kill_probability() -> Figure:
    """What a shot is worth by range, by what it costs to reach there."""
    figure, (left, right) = plt.subplots(1, 2, figsize=SIZE_INCHES)
    scenario = load_scenario("standard")
    arrays = scenario_params(scenario)
    kinds = [shooter.kind for shooter in scenario.shooters]
    threat = scenario.threat_kinds.index("cruise_missile")
    shown = (("patriot", BLUE), ("iris_t_slm", GREEN), ("nasams", ORANGE), ("rbs70", RED))
    for kind, colour in shown:
        s = kinds.index(kind)
        deployed, base = arrays.shooter[0, s], arrays.shooter_pk[0, s, threat]
        range_m = np.linspace(0.0, 110e3, 1_200)
        left.plot(range_m / 1e3, _judged(deployed, base, range_m), color=colour, label=kind)
    _label(left, "against a cruise missile at 800 m", "range of the intercept (km)", "pk")
    shots = np.arange(1, 5)
    for pk, colour in ((0.3, BLUE), (0.5, GREEN), (0.8, ORANGE)):
        right.plot(shots, 1.0 - (1.0 - pk) ** shots, color=colour, label=f"1 - (1 - {pk:g})^n")
        right.plot(shots, _killed(pk, shots), "o", color=colour, markerfacecolor="none")
    right.set_xticks(shots)
    _label(right, f"circles: {RAIDS:,} kill numbers", "engagements judged", "killed")
    return figure


def intercept() -> Figure:
    """Where interceptors meet a track that flies straight on."""
    figure, axes = plt.subplots(figsize=(7.2, 2.4))
    track, velocity = np.array([-30e3, 12e3]), np.array([240.0, 0.0])
    axes.plot([-30, 40], [12, 12], color=GREY, linestyle=":", label="straight on at 240 m/s")
    axes.plot(-30, 12, "s", color=GREY, label="the track now")
    shooters = ((25.0, 2.0, 300.0, RED), (12.0, -6.0, 700.0, GREEN), (-24.0, -6.0, 1_200.0, BLUE))
    for x_km, y_km, speed_mps, colour in shooters:
        place = np.array([x_km, y_km]) * 1e3
        wait_s, flight_s = 8.0, _flight_s(place, speed_mps, track, velocity, 8.0)
        met = track + velocity * (wait_s + flight_s)
        axes.plot(*np.stack([place, met]).T / 1e3, color=colour)
        axes.plot(*place / 1e3, "^", color=colour, markersize=9)
        label = f"interceptor at {speed_mps:g} m/s: {wait_s + flight_s:.0f} s"
        axes.plot(*met / 1e3, "o", color=colour, label=label)
    axes.set_aspect("equal")
    axes.set_ylim(-9.0, 16.0)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _label(axes, "", "east (km)", "north (km)", legend=False)
    return figure


FIGURES = {
    "model-sight": sight,
    "model-kill": kill_probability,
    "model-intercept": intercept,
}


def drawn(name: str) -> NDArray[np.uint8]:
    """Return a figure as it would be drawn now, uint8 [height, width, 3]."""
    with plt.rc_context(matplotlib.rcParamsDefault):
        figure = FIGURES[name]()
        figure.set_dpi(DPI)
        figure.tight_layout()
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]
        plt.close(figure)
    return pixels


def _judged(deployed: Any, base: float, range_m: NDArray[np.float64]) -> NDArray[np.float32]:
    table = np.zeros((fire_control.ROWS, range_m.size), np.float32)
    table[fire_control.Z] = 800.0
    table[fire_control.IMPACT] = np.inf
    table[fire_control.PK] = base
    table[fire_control.FLIGHT] = range_m / deployed["interceptor_mps"]
    plain(fire_control.judge)(table, range_m.size, deployed, deployed["reaction_s"])
    return table[fire_control.PK]


def _flight_s(
    place: NDArray[Any], speed_mps: float, track: NDArray[Any], velocity: NDArray[Any], wait: float
) -> float:
    shooter, deployed = np.zeros(1, state.SHOOTER)[0], np.zeros(1, params.SHOOTER)[0]
    shooter["x_m"], shooter["y_m"] = place
    deployed["interceptor_mps"] = speed_mps
    table = np.zeros((fire_control.ROWS, 1), np.float32)
    table[[fire_control.X, fire_control.Y], 0] = track
    table[[fire_control.VX, fire_control.VY], 0] = velocity
    table[fire_control.SPEED2, 0] = velocity @ velocity
    plain(fire_control.fly_out)(table, 1, shooter, deployed, wait)
    return float(table[fire_control.FLIGHT, 0])


def _killed(pk: float, shots: NDArray[np.int64]) -> list[float]:
    key = randomness.raid_key(0, 0, 0)
    numbers = np.array([randomness.uniform(key, randomness.KILL, n, 0) for n in range(RAIDS)])
    return [float(((1.0 - pk) ** n <= numbers).mean()) for n in shots]


def _label(axes: Axes, title: str, x: str, y: str, legend: bool = True) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    if legend:
        axes.legend(fontsize=8)


def main() -> None:
    """Draw every figure."""
    from PIL import Image

    for name in FIGURES:
        path = FOLDER / f"{name}.png"
        Image.fromarray(drawn(name)).quantize(64).save(path, optimize=True)
        print(path)


if __name__ == "__main__":
    main()
