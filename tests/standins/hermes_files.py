"""Files that come with a message to HERMES, as measured on its server of August 2026."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from hermes_archive import Archive
from hermes_rules import Crash


class Unstored(Exception):
    """The files were not stored: status 400, and nothing is published."""


def parts_of(media_type: str, body: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The message, which is the part `data`, and the files by name: parts that are all called `files`."""
    head = f"Content-Type: {media_type}\r\n\r\n".encode()
    parts = [*BytesParser(policy=HTTP).parsebytes(head + body).iter_parts()]
    message: bytes | None = None
    files: dict[str, bytes] = {}
    for each in parts:
        name, content = each.get_param("name", header="content-disposition"), each.get_payload(decode=True)
        assert isinstance(content, bytes)
        if name == "data":
            message = content
        elif name == "files":
            files[str(each.get_filename()).rpartition("/")[2]] = content
    if message is None:
        raise Crash
    return message, files


def store(message: dict[str, Any], files: dict[str, bytes], archive: Archive) -> None:
    """Keep the files in the archive, and name their addresses in the message, before it is published."""
    data = message["data"] if isinstance(message.get("data"), dict) else {}
    rows = [*data.get("targets", ()), *data.get("spectroscopy", ())]
    named = [(row, info) for row in rows for info in row.get("file_info", ()) if not info.get("url")]
    wanted = {info["name"] for _, info in named}
    if not wanted:
        return
    if not files:
        raise Crash  # as for a message that came as JSON
    if missing := sorted(wanted - set(files)):
        text = f"Files {','.join(missing)} referenced in message but not uploaded in files section."
        raise Unstored(text)
    if more := sorted(set(files) - wanted):
        text = f"Files {','.join(more)} sent but not referenced in the messages target or spectroscopy "
        raise Unstored(f"{text}sections.")
    if status := archive.refuses_files:
        raise Unstored(f"{status} Client Error: Forbidden for url: https://archive.example.org/upload")
    for row, info in named:
        if not (row.get("proprietary_period") or 0) > 0:
            info["url"] = f"https://archive.example.org/{archive.keep_file(files[info['name']])}"
