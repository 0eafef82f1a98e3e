"""What the hub logs, always to standard error: lines for people, or one JSON object a line.

No traceback shows the values of variables: they may be secrets, or customers' data.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.stdlib import ProcessorFormatter

STAMPS: tuple[Any, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def set_up_log(level: str = "info", form: str = "console") -> None:
    """Log from `level` on, in `form` "console" or "json"; libraries are heard from warnings on."""
    shown = _shown(form)
    structlog.configure(
        processors=[*STAMPS, *shown],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=_Stderr()),  # type: ignore[arg-type]
    )
    libraries = logging.StreamHandler(_Stderr())
    libraries.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=STAMPS, processors=[ProcessorFormatter.remove_processors_meta, *shown]
        )
    )
    logging.basicConfig(handlers=[libraries], level=logging.WARNING, force=True)


def _shown(form: str) -> list[Any]:
    if form == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


class _Stderr:
    """Standard error as it is now: a progress bar stands in for it while it is shown."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()
