"""Between requests and the service: closed until everything is warm."""

from __future__ import annotations

from service.errors import NotReady
from service.observability import Metrics
from service.selvedge import Selvedge
from service.settings import Settings
from service.tracing import Tracing


class Door:
    """Holds the service while it opens. `opened` is to be closed at the end, also where nobody was let in yet."""

    def __init__(self, settings: Settings, metrics: Metrics, tracing: Tracing) -> None:
        self.settings = settings
        self.metrics = metrics
        self.tracing = tracing
        self.opened: Selvedge | None = None
        self.failure: str | None = None
        self.waiting_for = "models and index are being loaded"
        self._open = False

    def let_in(self) -> None:
        self._open = True
        self.metrics.ready.set(1)

    def service(self) -> Selvedge:
        """Raises NotReady where models or index are not there yet, or failed to load."""
        if self.failure is not None:
            raise NotReady(f"the service could not start: {self.failure}")
        if self.opened is None or not self._open:
            raise NotReady(self.waiting_for)
        return self.opened
