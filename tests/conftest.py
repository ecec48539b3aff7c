"""What tests of several folders share."""

from tests.hub_server import hub

__all__ = ["hub"]
