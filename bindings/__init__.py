"""Typed access to the services that a platform binds to a Worker."""

from __future__ import annotations
