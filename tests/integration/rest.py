# SPDX-License-Identifier: MIT
"""Requests to the hub's REST endpoint, as literal as http.client allows."""

import http.client
import json as json_module
import ssl
from urllib.parse import quote

import sas

API_VERSION = "2021-04-12"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json_module.loads(self.body)

    @property
    def code(self):
        """The name in `iothub-errorcode`; None when the answer is no error."""
        return self.headers.get("iothub-errorcode")

    @property
    def message(self):
        return self.json["Message"]

    def __repr__(self):
        return f"<{self.status} {self.code} {self.body[:300]!r}>"


class Rest:
    """A client with one keep-alive connection. `credential` is a whole Authorization value or None."""

    def __init__(self, emulator, credential=None):
        self.emulator = emulator
        self.credential = credential
        context = ssl.create_default_context(cafile=emulator.ca_path)
        self.connection = http.client.HTTPSConnection(
            emulator.host, emulator.ports["httpsAlt"], context=context, timeout=60
        )

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def request(self, method, path, json=None, body=None, headers=None, api_version=API_VERSION):
        """`path` is sent as it stands. `json` is encoded; `body` is raw bytes."""
        sent = {} if self.credential is None else {"Authorization": self.credential}
        if json is not None:
            body = json_module.dumps(json).encode()
            sent["Content-Type"] = "application/json; charset=utf-8"
        sent.update(headers or {})
        if api_version is not None:
            path += ("&" if "?" in path else "?") + "api-version=" + api_version
        self.connection.request(
            method, path, body=body, headers=sent, encode_chunked="Transfer-Encoding" in sent
        )
        return Answer(self.connection.getresponse())

    def get(self, path, **keywords):
        return self.request("GET", path, **keywords)

    def put(self, path, json=None, **keywords):
        return self.request("PUT", path, json=json, **keywords)

    def patch(self, path, json=None, **keywords):
        return self.request("PATCH", path, json=json, **keywords)

    def post(self, path, json=None, **keywords):
        return self.request("POST", path, json=json, **keywords)

    def delete(self, path, **keywords):
        return self.request("DELETE", path, **keywords)

    def create_device(self, device_id, **fields):
        """Registers a device and returns its identity."""
        answer = self.put(f"/devices/{quote(device_id, safe='')}", {"deviceId": device_id, **fields})
        assert answer.status == 200, answer
        return answer.json

    def create_module(self, device_id, module_id, **fields):
        path = f"/devices/{quote(device_id, safe='')}/modules/{quote(module_id, safe='')}"
        answer = self.put(path, {"deviceId": device_id, "moduleId": module_id, **fields})
        assert answer.status == 200, answer
        return answer.json


def service(emulator, policy="iothubowner"):
    """A client that signs with one of the hub's policies."""
    key = emulator.policies[policy].primary_key
    return Rest(emulator, sas.token(key, emulator.host, policy))


def device(emulator, identity):
    """A client that signs with the key of a device or module identity."""
    resource = f"{emulator.host}/devices/{identity['deviceId']}"
    if "moduleId" in identity:
        resource += f"/modules/{identity['moduleId']}"
    return Rest(emulator, sas.token(identity["authentication"]["symmetricKey"]["primaryKey"], resource))
