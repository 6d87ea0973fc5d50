"""The server's HTTP interface as calls that block: for worker threads. Knows no Blender."""

import http.client
import json
import os
import secrets
import time
import urllib.parse

LOOPBACK = ("127.0.0.1", "localhost", "::1")
ENDED = ("succeeded", "failed", "cancelled")
PATIENCE = 60  # s without a byte; a job's events carry a heartbeat every 15 s.


class Unreachable(Exception):
    """Nobody answers at the server's address, or the answer breaks off."""


class Refused(Exception):
    """The server answered no; the message says why, for the user."""

    def __init__(self, status, message, retry_after):
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after  # s


class UnreadablePhoto(Exception):
    """A photo's file cannot be read; the message says why, for the user."""


class Client:
    """One server. Every call opens a connection of its own, so several threads may call."""

    def __init__(self, url, token, patience=PATIENCE):
        parts = urllib.parse.urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or not parts.port:
            raise ValueError(f"'{url}' is not an address of this machine.")
        self.url = url
        self._address = parts.hostname, parts.port
        self._token = token
        self._patience = patience

    def health(self):
        """{"status": "ready", "loading" or "unusable", "reason", "version"}"""
        return self._json("GET", "/health")

    def model(self):
        """What may be asked for: layouts, topologies, styles, and with which model it is answered."""
        return self._json("GET", "/v1/model")

    def layout(self, name):
        """[[u, v], ...] of a layout's landmarks, canonical UVs."""
        return self._json("GET", f"/v1/layouts/{urllib.parse.quote(name, safe='')}")["uv"]

    def jobs(self):
        return self._json("GET", "/v1/jobs")

    def job(self, job):
        return self._json("GET", f"/v1/jobs/{job}")

    def cancel(self, job):
        self._call("DELETE", f"/v1/jobs/{job}")

    def file(self, job, name):
        """A result's bytes."""
        return self._call("GET", f"/v1/jobs/{job}/files/{urllib.parse.quote(name)}")

    def submit(self, photos, options):
        """Sends photos, [(name, path), ...], from their files, and gives the new job's record."""
        boundary = secrets.token_hex(16)
        parts = [(_part_head(boundary, "options"), json.dumps(options).encode())]
        parts += [(_part_head(boundary, "images", name), path) for name, path in photos]
        end = f"--{boundary}--\r\n".encode()
        length = len(end)
        for head, content in parts:
            length += len(head) + (len(content) if isinstance(content, bytes) else _size(content)) + 2

        def body():
            for head, content in parts:
                yield head
                yield from [content] if isinstance(content, bytes) else _chunks(content)
                yield b"\r\n"
            yield end

        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(length)}
        return json.loads(self._call("POST", "/v1/jobs", headers, body()))

    def follow(self, job):
        """Yields the job's record as it is and at every change, and ends after the one that ends it."""
        for record in self._events(job):
            yield record
            if record["state"] in ENDED:
                return
        # No events, or they broke off: asking finds out why.
        while True:
            record = self.job(job)
            yield record
            if record["state"] in ENDED:
                return
            time.sleep(0.3)

    def _events(self, job):
        connection = self._connect()
        try:
            self._send(connection, "GET", f"/v1/jobs/{job}/events", {"Accept": "text/event-stream"})
            response = connection.getresponse()
            if response.status != 200 or "text/event-stream" not in response.getheader("Content-Type", ""):
                return
            for line in response:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])
        except (OSError, http.client.HTTPException, ValueError):
            return
        finally:
            connection.close()

    def _json(self, method, path):
        answer = self._call(method, path)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise Unreachable(f"{self.url} does not answer as a MeshFromFaces server does.") from error

    def _call(self, method, path, headers=None, body=()):
        """The answer's bytes. Raises Unreachable or Refused."""
        connection = self._connect()
        try:
            self._send(connection, method, path, headers or {})
            try:
                for chunk in body:
                    connection.send(chunk)
            except ConnectionError:
                pass  # Refused before all was sent: the answer says why.
            response = connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"The server at {self.url} does not answer ({error or type(error).__name__}).") from error
        finally:
            connection.close()
        if response.status == 401:
            raise Unreachable(f"The server at {self.url} is another than before.")  # Its handshake file tells how to call it.
        if response.status >= 400:
            raise Refused(response.status, _detail(answer, response), _seconds(response.getheader("Retry-After")))
        return answer

    def _connect(self):
        return http.client.HTTPConnection(*self._address, timeout=self._patience)

    def _send(self, connection, method, path, headers):
        connection.putrequest(method, path)
        # Health is asked before it is known who listens there.
        if path != "/health":
            connection.putheader("Authorization", f"Bearer {self._token}")
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()


def _part_head(boundary, field, file_name=None):
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"'
    if file_name is not None:
        plain = "".join(c if " " <= c <= "~" and c not in '"\\' else "_" for c in file_name)
        head += f"; filename=\"{plain}\"; filename*=UTF-8''{urllib.parse.quote(file_name, safe='')}"
        head += "\r\nContent-Type: application/octet-stream"
    return (head + "\r\n\r\n").encode("ascii")


def _size(path):
    try:
        return os.path.getsize(path)
    except OSError as error:
        raise UnreadablePhoto(f"'{path}' cannot be read: {error.strerror}. Choose the photo again.") from error


def _chunks(path):
    try:
        with open(path, "rb") as file:
            while chunk := file.read(1 << 16):
                yield chunk
    except OSError as error:
        raise UnreadablePhoto(f"'{path}' cannot be read: {error.strerror}. Choose the photo again.") from error


def _detail(answer, response):
    try:
        return json.loads(answer)["detail"]
    except (ValueError, KeyError, TypeError):
        return f"The server answered {response.status} {response.reason}."


def _seconds(text):
    return int(text) if text and text.isdigit() else 1
