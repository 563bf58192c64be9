"""Runs inside a TOM, with the TOM's Python and settings: migrates its database and makes its users.

Reads JSON from standard input: {"migrate": bool, "copy": path or "", "copied": bool, "users": [{"username",
"password", "superuser", "permissions"}]}. Copies the migrated database to `copy`. A TOM whose database is
such a copy gets an identity of its own. The last line of the output is JSON: {username: API token}. It must
run with every tomtoolkit from 2.32 on.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid


def main() -> None:
    """Do what standard input asks for."""
    sys.path.insert(0, os.getcwd())
    import django

    django.setup()
    from django.apps import apps
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from guardian.shortcuts import assign_perm
    from rest_framework.authtoken.models import Token

    wanted = json.load(sys.stdin)
    if wanted["migrate"]:
        call_command("migrate", interactive=False, verbosity=0)
    if wanted["copy"]:
        connection.close()
        shutil.copyfile(connection.settings_dict["NAME"], wanted["copy"])
    if wanted["copied"] and apps.is_installed("tom_integration"):
        apps.get_model("sharecore", "Origin").objects.update(uuid=uuid.uuid4())
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
