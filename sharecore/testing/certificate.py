"""A certificate for 127.0.0.1 that no authority signed, to be refused. Its key is public and protects
nothing.
"""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

_PEM = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQggog4PkoufQW1lVg+
JjngeuZMVrMhrOC6WyIyxSWyG/yhRANCAATYElYatdhNNlBNgJ8EhjZpaoeUGf5A
yvmh8Ez5YOfDTH/dgBtK4zrATPRtBTceYiqS6hqdxPdlVKLY8DwABx+V
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUDjUxQPOouyyaSOT4Y77HapOBUvQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyODE2NTc1OVoYDzIxMjYxMTA0
MTY1NzU5WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATYElYatdhNNlBNgJ8EhjZpaoeUGf5Ayvmh8Ez5YOfDTH/dgBtK4zrA
TPRtBTceYiqS6hqdxPdlVKLY8DwABx+Vo28wbTAdBgNVHQ4EFgQU+Fnw26rwM0No
Wgz4pLji/+CJ3yUwHwYDVR0jBBgwFoAU+Fnw26rwM0NoWgz4pLji/+CJ3yUwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
zj0EAwIDSQAwRgIhAJKaQltDAnTuLn9YOqUHoVVa64VQJFDcCe6QASKCjXziAiEA
8Kt/20kowqsO6p6OdPRb0gBQjeNDctvSUPk2OWIf3k0=
-----END CERTIFICATE-----
"""


def self_signed() -> ssl.SSLContext:
    """Return a context for a server that shows this certificate, valid until 2126."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "self-signed.pem"
        path.write_text(_PEM, encoding="ascii")
        context.load_cert_chain(path)
    return context
