"""What dispatchers and technicians do: book a resource for a work order, and get the work done.

Unscheduled ──book──▶ Scheduled ──Traveling, In Progress──▶ In Progress ──Completed──▶ Completed
"""

from __future__ import annotations

from datetime import datetime, timedelta

from hub.testing import BadCommand
from spokes.dynamics365.sandbox import rules
from spokes.dynamics365.sandbox.rows import Row, Rows, stamp

_OF_ORDER = {
    "Scheduled": rules.SCHEDULED,
    "Traveling": rules.IN_PROGRESS,
    "On Break": rules.IN_PROGRESS,
    "In Progress": rules.IN_PROGRESS,
    "Completed": rules.COMPLETED,
    "Canceled": rules.UNSCHEDULED,
}
"""What the status of a booking makes of its work order."""


def book(
    rows: Rows, order: str, resource: str, start: datetime, length: timedelta, now: datetime
) -> Row:
    """A booking of a resource for a work order, which is then Scheduled; raises `Refused`."""
    orders, bookings = rows.of_name("msdyn_workorder"), rows.of_name("bookableresourcebooking")
    who = rows.of_name("bookableresource").get(resource)
    number = orders.get(order)["msdyn_name"]
    given = {
        "bookableresourcebookingid": rows.new_id(),
        "name": f"{number} - {who['name']}",
        "starttime": stamp(start),
        "endtime": stamp(start + length),
        "duration": int(length.total_seconds() // 60),
        "resource": resource,
        "resource@table": "bookableresource",
        "msdyn_workorder": order,
        "msdyn_workorder@table": "msdyn_workorder",
        **_status(rows, "Scheduled"),
    }
    booking = rows.put(bookings, rules.filled(rows, bookings, given), now)
    _move_order(rows, booking, "Scheduled", now)
    return booking


def progress(rows: Rows, id: str, status: str, now: datetime) -> Row:
    """A technician taps the booking's next status; raises `Refused` or `BadCommand`."""
    bookings = rows.of_name("bookableresourcebooking")
    booking = bookings.get(id)
    told: Row = _status(rows, status)
    if status == "In Progress" and booking["msdyn_actualarrivaltime"] is None:
        told["msdyn_actualarrivaltime"] = stamp(now)
        gone = now - datetime.fromisoformat(booking["starttime"])
        told["msdyn_actualtravelduration"] = max(int(gone.total_seconds() // 60), 0)
    if status == "Completed":
        told["endtime"] = stamp(now)
    changed = rows.put(bookings, {**booking, **told}, now)
    _move_order(rows, changed, status, now)
    return changed


def _move_order(rows: Rows, booking: Row, status: str, now: datetime) -> None:
    orders = rows.of_name("msdyn_workorder")
    order = orders.rows.get(booking["msdyn_workorder"] or "")
    if order is None:
        return
    told: Row = {"msdyn_systemstatus": _OF_ORDER[status]}
    if status == "In Progress":
        told["msdyn_firstarrivedon"] = order["msdyn_firstarrivedon"] or stamp(now)
    if status == "Completed":
        told["msdyn_completedon"] = stamp(now)
    moved = rules.changed(orders, order, told, now)
    if moved != order:
        rows.put(orders, moved, now)


def _status(rows: Rows, name: str) -> Row:
    statuses = rows.of_name("bookingstatus")
    found = statuses.by_key("name", name)
    if found is None or name not in _OF_ORDER:
        raise BadCommand(f"no booking status {name!r}; there are {', '.join(_OF_ORDER)}")
    return {"bookingstatus": found["bookingstatusid"], "bookingstatus@table": "bookingstatus"}
