"""Which part of the worker answers which kind of request."""

from collections.abc import Mapping

from viewer.worker.answers import Handler
from viewer.worker.gallery import Gallery
from viewer.worker.images import Images
from viewer.worker.inside.diagram import Diagrams
from viewer.worker.inside.inside import Inside
from viewer.worker.latents.latents import Latents
from viewer.worker.models import Models
from viewer.worker.reconstruction import Reconstruction
from viewer.worker.searches import Searches


def handlers() -> Mapping[str, Handler]:
    """Kind of request → what answers it."""
    models = Models()
    images = Images(models)
    searches = Searches()
    reconstruction = Reconstruction(models, images, searches)
    gallery = Gallery(models)
    inside = Inside(models, images, reconstruction, searches)
    latents = Latents(models, images, searches)
    return {
        "reconstruct": reconstruction.reconstruct,
        "gallery": gallery.gallery,
        "close camera": images.close_camera,
        "inside places": inside.places,
        "inside": inside.inside,
        "inside diagram": Diagrams().diagram,
        "latent space": latents.space,
        "latent code": latents.code,
        "latent point": latents.point,
        "latent strip": latents.strip,
        "latents held out": latents.held_out,
    }
