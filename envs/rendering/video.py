"""A record as an animation: GIF by Pillow, MP4 by imageio-ffmpeg."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from envs.rendering.canvas import SIZE
from envs.rendering.frame import frame
from envs.rendering.record import Record
from envs.rendering.renderer import RENDER_FPS

FORMATS = (".gif", ".mp4")
_GIF_SIZE = 600  # pixels; a GIF of full size is several times as large, and little clearer


def write_video(
    record: Record,
    path: Path,
    fps: int = RENDER_FPS,
    progress: Callable[[int], object] = lambda drawn: None,
) -> None:
    """Write a record as an animation, one frame an epoch.

    Args:
        record: of a raid.
        path: GIF or MP4 file, by its ending; written under a temporary name and renamed.
        fps: frames a second, 1 or more.
        progress: told how many moments of the record have been drawn.

    Raises:
        ValueError: on another ending.
        ImportError: if an MP4 is asked for and imageio-ffmpeg is not installed.
        OSError: if the file cannot be written.
    """
    check_format(path)
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    if path.suffix == ".gif":
        _write_gif(record, temporary, fps, progress)
    else:
        _write_mp4(record, temporary, fps, progress)
    os.replace(temporary, path)


def check_format(path: Path) -> None:
    """Raise ValueError if no animation can be written with this file name's ending."""
    if path.suffix not in FORMATS:
        raise ValueError(f"{path}: {path.suffix or 'no ending'!r} is not right; .gif or .mp4 is")


def _write_gif(record: Record, path: Path, fps: int, progress: Callable[[int], object]) -> None:
    from PIL import Image

    def picture(step: int) -> Any:
        whole = Image.fromarray(frame(record, step))
        progress(step + 1)
        small = whole.resize((_GIF_SIZE, _GIF_SIZE), Image.Resampling.LANCZOS)
        return small.quantize(palette=palette, dither=Image.Dither.NONE)

    # One palette for all, of a moment in the middle, which has every colour.
    middle = Image.fromarray(frame(record, len(record.moments) // 2))
    palette = middle.quantize(64)
    first, *others = (picture(step) for step in range(len(record.moments)))
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=[1000 // fps] * len(others) + [3000],
        loop=0,
        optimize=False,
    )


def _write_mp4(record: Record, path: Path, fps: int, progress: Callable[[int], object]) -> None:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise ImportError(
            'an MP4 needs imageio-ffmpeg: pip install "balticshield[render]"'
        ) from error
    writer = imageio_ffmpeg.write_frames(str(path), (SIZE, SIZE), fps=fps, macro_block_size=16)
    writer.send(None)
    for step in [*range(len(record.moments)), *[len(record.moments) - 1] * (2 * fps)]:
        writer.send(np.ascontiguousarray(frame(record, step)))
        progress(step + 1)
    writer.close()
