"""People at the helm of a run: a folder of files says what they want, and decorators of its parts do it."""

from thekla.steering.folder import SteeringFolder
from thekla.steering.helm import Helm, SteeredGenerator, SteeredPrompts, SteeredStrategy
from thekla.steering.inbox import Inbox

__all__ = ["Helm", "Inbox", "SteeredGenerator", "SteeredPrompts", "SteeredStrategy", "SteeringFolder"]
