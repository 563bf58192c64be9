"""Send one file: a data product of the receiver.

A TOM reads a file of the types "photometry" and "spectroscopy", and makes data of it. The data of a file
travel as records, so such a file goes under a type that every stock TOM has and none reads.
"""

from __future__ import annotations

import hashlib

from sharecore.exceptions import DestinationError
from sharecore.outcomes import Accepted, Deferred, Duplicate, Outcome, Rejected, Unconfirmed, Unsupported
from sharecore.records import DataFile
from sharecore_http.content import File
from sharecore_http.failures import NoAnswer
from sharecore_http.reply import Reply, Verdict
from sharecore_tom.api import Api
from sharecore_tom.refusals import not_able, refused_fields, words

PRODUCTS = "api/dataproducts/"
LARGEST = 100_000_000
"""Largest file, in bytes: a form is held in memory while it is sent, and a receiver has only seconds to take
it.
"""
_NOT_READ = "fits_file"
_STOCK_TYPES = frozenset({_NOT_READ, "image_file"})
_LONGEST = 200


def product_id(file: DataFile, target: int) -> str:
    """Return the name at the receiver: the same for the same content and target, so that a file sent twice is
    there once.

    A name is unique among the products of all targets of a TOM, and one file may belong to several targets.
    """
    digest = hashlib.sha256(f"{target} {file.sha256}".encode()).hexdigest()
    return f"{file.name[:_LONGEST]} {digest[:16]}"


def send_file(api: Api, file: DataFile, target: int) -> Outcome:
    """Send the file. Raises `DestinationError`, `AuthenticationFailed`, and OSError for a bad file."""
    if file.size > LARGEST:
        too_large = (
            f"{file.name} has {file.size / 1e6:,.0f} MB; this adapter sends up to {LARGEST / 1e6:,.0f} MB"
        )
        return Unsupported(reason=too_large, feature="file-size")
    with file.open() as stream:
        body = stream.read()
    data_type = file.data_product_type if file.data_product_type in _STOCK_TYPES else _NOT_READ
    fields = {"target": str(target), "product_id": product_id(file, target), "data_product_type": data_type}
    try:
        sent = File(name=file.name, body=body, media_type=file.media_type)
        return _read(api.upload(PRODUCTS, fields, {"file": sent}))
    except NoAnswer as error:
        return Unconfirmed(reason=error.reason)


def _read(reply: Reply) -> Outcome:
    answer = reply.json if reply.is_json else None
    if reply.status in (200, 201) and isinstance(answer, dict) and "id" in answer:
        remote_id = str(answer["id"])
        return Accepted(remote_id=remote_id) if reply.status == 201 else Duplicate(remote_id=remote_id)
    if reply.status == 400 and "already exists" in words(reply) and refused_fields(reply) == ("product_id",):
        return Duplicate()  # as tomtoolkit 2.x says it
    if reply.status in (400, 413, 415, 422):
        return Rejected(reason=f"refused: {words(reply)}", field=next(iter(refused_fields(reply)), None))
    if isinstance(answer, dict) and "Data processing error" in answer:
        # Also what a 3.1 TOM says to every file where single data have rights (TARGET_PERMISSIONS_ONLY).
        return Rejected(reason=f"that TOM could not take it in: {words(reply)}", field="file")
    if reply.status in (502, 504):
        return Unconfirmed(reason=f"HTTP {reply.status} from a gateway")
    if 200 <= reply.status < 300:
        raise DestinationError(f"the answer is not that of a TOM: {words(reply)}. Check 'BASE_URL'.")
    if reply.verdict is Verdict.SERVER_ERROR and reply.status != 503:
        return Deferred(reason=words(reply))
    raise not_able(reply, "sending a file")
