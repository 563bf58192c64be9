"""Serve `api/sharing/`: the capability document, and batches."""

from __future__ import annotations

from importlib.metadata import version

from django.db import OperationalError
from rest_framework import permissions
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from sharecore import wire
from tom_integration import site
from tom_integration.inbox import batch_limits, batch_rate, body, examine, origins, parse, store, target
from tom_integration.inbox.refused import Refused
from tom_integration.json_views import RefusesInJson


class SharingView(RefusesInJson, APIView):
    """Answer programs: refusals are JSON, too."""

    permission_classes = (permissions.IsAuthenticated,)
    renderer_classes = (JSONRenderer,)

    def get_authenticate_header(self, request: Request) -> str:
        """Return a header always: without one, DRF answers 403 instead of 401 to anonymous users."""
        return super().get_authenticate_header(request) or "Token"

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, Refused):
            return Response(exc.body, status=exc.status)
        if isinstance(exc, OperationalError):
            busy = {"detail": "The database of this TOM is busy; nothing was stored."}
            return Response(busy, status=503, headers={"Retry-After": "2"})
        return super().handle_exception(exc)


class CapabilityView(SharingView):
    """Serve the capability document: what this TOM takes, and its limits."""

    def get(self, request: Request) -> Response:
        this = site.this_site()
        return Response(
            {
                "sharecore": version("sharecore"),
                "protocols": list(parse.PROTOCOLS),
                "origin": this.origin,
                "name": this.name,
                "limits": batch_limits.LIMITS,
                "kinds": list(wire.KINDS),
            }
        )


class BatchView(SharingView):
    """Store a batch."""

    throttle_classes = (batch_rate.BatchRate,)

    def post(self, request: Request) -> Response:
        batch, origin = _read(request)
        known = origins.known(batch.site, request.user)
        target_id, created = target.resolve(batch, request)
        if not known:
            origins.register(batch.site, request.user)
        answers = store.store(batch, target_id, origin=origin, user=request.user)
        pairs = zip(batch.arrivals, answers, strict=True)
        return Response(
            {
                "protocol": parse.PROTOCOLS[0],
                "target": {"id": target_id, "created": created},
                "origin": origin,
                "records": [answer.as_json(arrival) for arrival, answer in pairs],
            }
        )


class ExamineView(SharingView):
    """Examine a batch as if it were to be stored, and store nothing."""

    throttle_classes = (batch_rate.BatchRate,)

    def post(self, request: Request) -> Response:
        batch, origin = _read(request)
        origins.known(batch.site, request.user)
        target_id = target.examine(batch, request)
        pairs = zip(batch.arrivals, examine.examine(batch), strict=True)
        return Response(
            {
                "protocol": parse.PROTOCOLS[0],
                "stored": False,
                "target": {"id": target_id, "created": False},
                "origin": origin,
                "records": [answer.as_json(arrival) for arrival, answer in pairs],
            }
        )


def _read(request: Request) -> tuple[parse.IncomingBatch, str]:
    """Return the batch of a request, and the origin of this TOM."""
    batch = parse.read(body.read(request._request))
    origin = site.origin()
    if batch.site.origin == origin:
        raise Refused(
            409,
            "The site that sends has the same identity as this TOM. Is its database a copy of this one? "
            "Then give it an identity of its own: change the row of its table sharecore_origin.",
            code="same-origin",
        )
    return batch, origin
