"""The two people of TOM A: the observer shares and reports, the approver lets reports go."""

from __future__ import annotations

from typing import Any

import requests
from bs4 import BeautifulSoup

from realtoms import Tom, TomError, User

OBSERVER = User(username="observer", password="observer-of-the-demo")
APPROVER = User(username="approver", password="approver-of-the-demo")

_PATIENCE = 60
"""Seconds for one answer of the TOM."""


class Person:
    """Somebody who works with TOM A through its REST API, and its admin."""

    def __init__(self, tom: Tom, user: User) -> None:
        self._tom = tom
        self._user = user
        self._api = requests.Session()
        self._api.headers["Authorization"] = f"Token {tom.tokens[user.username]}"

    def get(self, path: str, **query: str | int) -> Any:
        """Read JSON. TomError for a refusal."""
        answer = self._api.get(self._tom.url + path, params=query, timeout=_PATIENCE)
        return self._read(answer, "GET", path)

    def post(self, path: str, **content: Any) -> Any:
        """Send `json`, or `data` and `files`; return the JSON of the answer. TomError for a refusal."""
        answer = self._api.post(self._tom.url + path, timeout=_PATIENCE, **content)
        return self._read(answer, "POST", path)

    def edit(self, model: str, pk: int, **values: object) -> None:
        """Change a row in the admin, the one place where tomtoolkit lets people edit a datum.

        model: the table, as the admin names it. TomError if the TOM does not take it.
        """
        with requests.Session() as pages:
            login = f"{self._tom.url}accounts/login/"
            token = _form(pages.get(login, timeout=_PATIENCE).text)["csrfmiddlewaretoken"]
            given = {"login": self._user.username, "password": self._user.password}
            pages.post(login, data={**given, "csrfmiddlewaretoken": token}, timeout=_PATIENCE)
            path = f"{self._tom.url}admin/tom_dataproducts/{model}/{pk}/change/"
            form = _form(pages.get(path, timeout=_PATIENCE).text, f"{model}_form")
            answer = pages.post(path, data={**form, **values}, timeout=_PATIENCE)
        if answer.url == path:
            raise TomError(f"the admin did not take {values} for {model} {pk}")

    def _read(self, answer: requests.Response, method: str, path: str) -> Any:
        if answer.status_code >= 400:
            raise TomError(
                f"TOM A answered {answer.status_code} to {method} {path} "
                f"of {self._user.username}: {answer.text[:500]}"
            )
        return answer.json()


def _form(page: str, name: str = "") -> dict[str, str]:
    """Return the fields of a form as a browser would send them; name: its id, without it the first with a
    token.
    """
    found = BeautifulSoup(page, "html.parser")
    form = found.select_one(f"form#{name}" if name else "form:has([name=csrfmiddlewaretoken])")
    if form is None:
        raise TomError(f"there is no form {name} on the page")
    fields = {
        str(each["name"]): str(each.get("value", ""))
        for each in form.select("input[name]")
        if each.get("type") not in ("submit", "checkbox", "file")
    }
    fields |= {str(each["name"]): each.text.lstrip("\n") for each in form.select("textarea[name]")}
    for each in form.select("select[name]"):
        chosen = each.select_one("option[selected]")
        fields[str(each["name"])] = str(chosen["value"]) if chosen else ""
    return fields
