"""Clients of pages and of REST in which a user is logged in."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def rest_client(user: User) -> APIClient:
    client = APIClient()
    client.force_login(user)
    return client
