"""What the viewer remembers from one time to the next."""

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
    """Choices that outlive the window.

    Args:
        theme: dark or light.
        scale: Size of text and of everything that goes by it; 0 goes by the display's resolution.
        width: Of the window, in pixels.
        height: Of the window, in pixels.
        x: Of the window's left edge, in pixels.
        y: Of the window's upper edge, in pixels.
        panel: Which one was open.
        folder: Where an image was opened last.
        sort: What the list of runs is sorted by.
        descending: In which direction.
        error_map: absolute, signed or ssim.
        gallery_sort: worst, best or order.
        run: The one that was selected last.
        camera: Number of the one that was opened last.
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
    """Where settings are kept: the platform's folder for them, or RETRACE_VIEWER_SETTINGS where that is set."""
    given = os.environ.get("RETRACE_VIEWER_SETTINGS")
    return Path(given) if given else platformdirs.user_config_path("retrace") / "viewer.json"


def load_settings() -> Settings:
    """The settings kept last. What cannot be read, or has another type than it should, is what it is at first."""
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
    """Keeps settings; False where the disk refuses, which is no reason to stop."""
    try:
        write_atomically(settings_path(), json.dumps(asdict(settings), indent=2) + "\n")
    except OSError:
        return False
    return True
