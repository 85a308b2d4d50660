# SPDX-License-Identifier: MIT
"""Shared access signatures, made the way the SDKs make them (service reference, 1.2)."""

import base64
import hashlib
import hmac
import time
from urllib.parse import quote

PREFIX = "SharedAccessSignature "


def signature(key, resource, expiry):
    """Base64 of the HMAC over the resource exactly as it will stand in the token."""
    text = f"{resource}\n{expiry}".encode()
    return base64.b64encode(hmac.new(base64.b64decode(key), text, hashlib.sha256).digest()).decode()


def token(key, resource, policy=None, lifetime_s=3600, encode=True, order="sr,sig,se,skn"):
    """A token for `resource` ("localhost/devices/d1"), its fields in the given order."""
    expiry = str(int(time.time()) + lifetime_s)
    if encode:
        resource = quote(resource, safe="")
    fields = {
        "sr": resource,
        "sig": quote(signature(key, resource, expiry), safe=""),
        "se": expiry,
    }
    if policy is not None:
        fields["skn"] = quote(policy, safe="")
    return PREFIX + "&".join(f"{name}={fields[name]}" for name in order.split(",") if name in fields)
