"""Zoom and pan: which part of an image a pane shows. Several panes share one view, whatever their images' sizes."""

from dataclasses import dataclass, replace

_LARGEST_ZOOM = 64.0
_WHEEL_STEP = 1.25

# Width and height; of a mosaic with its gaps no whole numbers.
Size = tuple[float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class View:
    """The centre of what is shown, in shares of the image's width and height, and a zoom of 1 where all of it fits."""

    x: float = 0.5
    y: float = 0.5
    zoom: float = 1.0

    def placed(self, pane: Size, image: Size) -> tuple[float, float, float]:
        """Where the image lies.

        Args:
            pane: (width, height) in pixels of the screen.
            image: (width, height) in its own pixels.

        Returns:
            Pixels of the screen for each of the image, and the pane's (left, top) at which the image begins.
        """
        scale = self.zoom * min(pane[0] / image[0], pane[1] / image[1])
        return scale, pane[0] / 2 - self.x * image[0] * scale, pane[1] / 2 - self.y * image[1] * scale

    def to_share(self, pane: Size, image: Size, point: Point) -> Point:
        """A point of the pane in shares of the image's width and height; outside of 0 to 1 beside the image."""
        scale, left, top = self.placed(pane, image)
        return (point[0] - left) / (scale * image[0]), (point[1] - top) / (scale * image[1])

    def to_pane(self, pane: Size, image: Size, share: Point) -> Point:
        """The opposite of `to_share`."""
        scale, left, top = self.placed(pane, image)
        return left + share[0] * image[0] * scale, top + share[1] * image[1] * scale

    def zoomed(self, factor: float, pane: Size, image: Size, point: Point) -> "View":
        """Nearer or farther, while what is under a point of the pane stays there."""
        zoom = min(_LARGEST_ZOOM, max(1.0, self.zoom * factor))
        share = self.to_share(pane, image, point)
        moved = replace(self, zoom=zoom).to_share(pane, image, point)
        return View(self.x + share[0] - moved[0], self.y + share[1] - moved[1], zoom).kept_inside()

    def turned(self, steps: float, pane: Size, image: Size, point: Point) -> "View":
        """As `zoomed`, by so many steps of the mouse wheel."""
        return self.zoomed(_WHEEL_STEP**steps, pane, image, point)

    def panned(self, pane: Size, image: Size, by: Point) -> "View":
        """Dragged by so many pixels of the screen."""
        scale = self.placed(pane, image)[0]
        return replace(self, x=self.x - by[0] / (scale * image[0]), y=self.y - by[1] / (scale * image[1])).kept_inside()

    def kept_inside(self) -> "View":
        """Moved so that no more is shown of what lies beside the image than there must be."""
        margin = 0.5 / self.zoom
        return replace(self, x=min(1 - margin, max(margin, self.x)), y=min(1 - margin, max(margin, self.y)))


def pixel_at(share: Point, image: Size) -> tuple[int, int] | None:
    """(column, row) of an image's pixel at shares of its width and height; None beside the image."""
    if not (0 <= share[0] < 1 and 0 <= share[1] < 1):
        return None
    return int(share[0] * image[0]), int(share[1] * image[1])
