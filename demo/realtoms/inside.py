"""Runs inside a TOM, with the TOM's Python and settings: migrates its database and makes its users.

Reads JSON from standard input: {"migrate": bool, "users": [{"username", "password", "superuser",
"permissions"}]}. The last line of the output is JSON: {username: API token}. It must run with every
tomtoolkit from 2.32 on.
"""

from __future__ import annotations

import json
import os
import sys


def main() -> None:
    """Do what standard input asks for."""
    sys.path.insert(0, os.getcwd())
    import django

    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from guardian.shortcuts import assign_perm
    from rest_framework.authtoken.models import Token

    wanted = json.load(sys.stdin)
    if wanted["migrate"]:
        call_command("migrate", interactive=False, verbosity=0)
    tokens = {}
    for entry in wanted["users"]:
        make = User.objects.create_superuser if entry["superuser"] else User.objects.create_user
        user = make(entry["username"], f"{entry['username']}@localhost.invalid", entry["password"])
        for permission in entry["permissions"]:
            assign_perm(permission, user)
        tokens[user.username] = Token.objects.get_or_create(user=user)[0].key
    print(json.dumps(tokens))


if __name__ == "__main__":
    main()
