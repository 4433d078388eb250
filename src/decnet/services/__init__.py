"""The service catalogue: one module (or folder) per protocol."""

from decnet.services.host import Host
from decnet.services.neighbours import Neighbour
from decnet.services.service import Create, Facts, Handler, Port, Service, Setting
from decnet.services.session import Session

__all__ = ["Create", "Facts", "Handler", "Host", "Neighbour", "Port", "Service", "Session", "Setting"]
