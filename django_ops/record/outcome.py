"""The seven ways in which a request can end, and how each counts."""

from __future__ import annotations

from enum import StrEnum

#: nginx's code for "client closed request"; no standard has one.
CLIENT_CLOSED_REQUEST = 499


class Outcome(StrEnum):
    """How a request ended. Exactly one applies to each request."""

    OK = "ok"
    REDIRECT = "redirect"
    UNROUTED = "unrouted"
    EXCEPTION = "exception"
    STREAM = "stream"
    DISCONNECT = "disconnect"
    CANCELLED = "cancelled"


def classify(status: int, *, routed: bool, streaming: bool, raised: bool, disconnected: bool) -> Outcome:
    """Choose the outcome of a request that got a response with `status`.

    A client that left outweighs what the response would have been, an exception outweighs the form of the
    body. A request that got no response at all is CANCELLED, which its caller knows without asking.
    """
    if raised:
        return Outcome.EXCEPTION
    if disconnected:
        return Outcome.DISCONNECT
    if streaming:
        return Outcome.STREAM
    if 300 <= status < 400:
        return Outcome.REDIRECT
    if status == 404 and not routed:
        return Outcome.UNROUTED
    return Outcome.OK


def event_outcome(outcome: Outcome, status: int) -> str:
    """Return ECS `event.outcome`: success, failure or unknown.

    As OpenTelemetry rules for servers, a 4xx is the client's mistake and no failure of ours.
    Source: https://www.elastic.co/docs/reference/ecs/ecs-event#field-event-outcome
    """
    if outcome is Outcome.EXCEPTION or status >= 500:
        return "failure"
    if outcome is Outcome.DISCONNECT or outcome is Outcome.CANCELLED:
        return "unknown"
    return "success"
