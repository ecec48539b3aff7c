"""Which part of the worker answers which kind of request."""

from collections.abc import Mapping

from viewer.worker.gallery import Gallery
from viewer.worker.images import Images
from viewer.worker.main import Handler
from viewer.worker.models import Models
from viewer.worker.reconstruction import Reconstruction


def handlers() -> Mapping[str, Handler]:
    """Kind of request → what answers it."""
    models = Models()
    images = Images(models)
    reconstruction = Reconstruction(models, images)
    gallery = Gallery(models)
    return {
        "reconstruct": reconstruction.reconstruct,
        "gallery": gallery.gallery,
    }
