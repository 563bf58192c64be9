"""The one HTTP client of all adapters: always time-outs, answers capped, secrets kept, no unsafe retries."""

from sharecore_http.auth import Authorize, basic, bearer, no_credentials, token
from sharecore_http.client import Client
from sharecore_http.content import Content, File, compressed, form, json_content
from sharecore_http.failures import Cause, HttpFailure, NoAnswer, NotSent, Refused, Unclear
from sharecore_http.reply import Reply, Verdict, parse_retry_after
from sharecore_http.settings import HttpSettings, credential

__all__ = [
    "Authorize",
    "Cause",
    "Client",
    "Content",
    "File",
    "HttpFailure",
    "HttpSettings",
    "NoAnswer",
    "NotSent",
    "Refused",
    "Reply",
    "Unclear",
    "Verdict",
    "basic",
    "bearer",
    "compressed",
    "credential",
    "form",
    "json_content",
    "no_credentials",
    "parse_retry_after",
    "token",
]
