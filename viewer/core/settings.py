"""Choices that the viewer keeps between sessions."""

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import platformdirs

from common.files import read_regular, write_atomically

_MOST_BYTES = 1 << 20
SCALES = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)


@dataclass
class Settings:
    """Choices that are kept between sessions.

    Args:
        theme: dark or light.
        scale: Size of text and of all that scales with it; 0 follows the display's resolution.
        width: Width of the window, in pixels.
        height: Height of the window, in pixels.
        x: Left edge of the window, in pixels.
        y: Upper edge of the window, in pixels.
        panel: The open panel.
        folder: Folder of the last opened image.
        sort: Column that sorts the list of runs.
        descending: Its direction.
        error_map: absolute, signed or ssim.
        gallery_sort: worst, best or order.
        run: The run selected last.
        camera: Number of the camera opened last.
    """

    theme: Literal["dark", "light"] = "dark"
    scale: float = 0.0
    width: int = 1200
    height: int = 700
    x: int = 80
    y: int = 60
    panel: str = "runs"
    folder: str = ""
    sort: str = "age"
    descending: bool = False
    error_map: str = "absolute"
    gallery_sort: str = "worst"
    run: str = ""
    camera: str = "0"


def settings_path() -> Path:
    """The file of the settings: RETRACE_VIEWER_SETTINGS, or one in the platform's folder for settings."""
    given = os.environ.get("RETRACE_VIEWER_SETTINGS")
    return Path(given) if given else platformdirs.user_config_path("retrace") / "viewer.json"


def load_settings() -> Settings:
    """The kept settings. Values that cannot be read or have the wrong type are the defaults."""
    settings = Settings()
    try:
        kept = json.loads(read_regular(settings_path(), _MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return settings
    if not isinstance(kept, dict):
        return settings
    for field in fields(Settings):
        usual: Any = getattr(settings, field.name)
        value = kept.get(field.name, usual)
        if isinstance(usual, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is type(usual):
            setattr(settings, field.name, value)
    settings.theme = "light" if settings.theme == "light" else "dark"
    settings.width, settings.height = max(640, settings.width), max(420, settings.height)
    settings.scale = settings.scale if settings.scale in SCALES else 0.0
    return settings


def save_settings(settings: Settings) -> bool:
    """Writes settings; returns False where that fails."""
    try:
        write_atomically(settings_path(), json.dumps(asdict(settings), indent=2) + "\n")
    except OSError:
        return False
    return True
