"""Which image is looked at: a file, or one of the images of a run's dataset."""

from collections.abc import Callable

from viewer.protocol import ImageSource, Reply
from viewer.state.variants import Gallery, Variant

GALLERY_ORDERS = ("worst", "best", "order")

Ask = Callable[..., None]


class ImageChoice:
    """The image that all panels share, and the thumbnails to choose it from.

    Attributes:
        source: The image; None before one was chosen.
        gallery: Images to choose from.
        order: How they are sorted: worst, best or order.
        first: Number of the first row of thumbnails on screen.
        run: Whose dataset the gallery shows, or will show.
        message: Why there is no gallery.
        version: Counts changes of what is shown.
    """

    def __init__(self, ask: Ask, order: str = "worst"):
        self._ask = ask
        self.source: ImageSource | None = None
        self.gallery: Gallery | None = None
        self.order = order if order in GALLERY_ORDERS else "worst"
        self.first = 0
        self.run = ""
        self.message = ""
        self.version = 0

    def open(self, source: ImageSource) -> None:
        """Chooses an image."""
        if source != self.source:
            self.source = source
            self.version += 1

    def open_file(self, path: str) -> None:
        """Chooses an image file."""
        path = path.strip().strip("'\"")
        if path:
            self.open(ImageSource("file", path=path))

    def open_from_gallery(self, number: int) -> None:
        """Chooses one of the gallery's images."""
        where = self.gallery
        if where is not None and 0 <= number < len(where.positions):
            self.open(ImageSource("split", run=where.run, split=where.split, position=where.positions[number]))

    def step(self, by: int) -> None:
        """Chooses the next of the gallery's images, or the one before."""
        if self.gallery is None:
            return
        order = self.gallery.order(self.order)
        positions = [self.gallery.positions[number] for number in order]
        current = self.source
        known = current is not None and current.kind == "split" and current.position in positions
        place = positions.index(current.position) + by if known else 0
        self.open_from_gallery(order[max(0, min(len(order) - 1, place))])

    def set_order(self, order: str) -> None:
        """How thumbnails are sorted."""
        self.order, self.first = order, 0
        self.version += 1

    def scroll(self, rows: int, all_rows: int, page: int) -> None:
        """Moves the thumbnails by some rows."""
        first = max(0, min(self.first + rows, all_rows - page))
        if first != self.first:
            self.first = first
            self.version += 1

    # The worker

    def fetch(self, variant: Variant | None, again: bool = False) -> None:
        """Asks for the test images of a run, unless they are there or on their way."""
        if variant is None or (variant.run == self.run and not again):
            return
        self.run, self.message = variant.run, ""
        self._ask("gallery", "gallery", run=variant.run, checkpoint=str(variant.step), split="test")

    def take(self, reply: Reply) -> None:
        """Takes over what the worker answered."""
        if reply.kind != "gallery" or reply.arguments["run"] != self.run:
            return
        if reply.error is not None:
            self.gallery, self.message = None, reply.error
        else:
            values = reply.values
            self.gallery = Gallery(
                reply.arguments["run"],
                reply.arguments["split"],
                tuple(values["positions"]),
                tuple(values["names"]),
                tuple(values["psnr"]),
                reply.arrays["thumbnails"],
            )
            self.first = 0
            if self.source is None:
                self.open_from_gallery(self.gallery.order(self.order)[0])
        self.version += 1
