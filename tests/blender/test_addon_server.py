"""The add-on's way to its server, without Blender: a real server, found, started, shared, lost, stopped."""

import http.server
import json
import os
import queue
import signal
import sys
import threading
import time

import pytest

from conftest import ADDON, PORTRAIT, SERVER
from mesh_from_faces import builds
from mesh_from_faces.client import Client
from mesh_from_faces.server_process import Server, ServerFault, find_executable

VERSION = (0, 1, 0)
SMALL = {"textureSize": 512}
PATIENCE = 180  # s


@pytest.fixture
def start(tmp_path):
    """Makes a Server of one data folder, as each Blender has one; at the end none is left running."""
    servers = []

    def make(version=VERSION, preferred=SERVER):
        server = Server(ADDON, version, data=tmp_path / "data")
        server.preferred = str(preferred)
        servers.append(server)
        return server

    yield make
    for server in servers:
        if server._process:
            server._process.kill()
            server._process.wait()


def handshake(tmp_path):
    return json.loads((tmp_path / "data" / "server.json").read_text())


def messages_of(server, task, on_message=lambda worker, message: None):
    """All messages of a task but its progress, until it has ended."""
    worker = builds.Worker(server, task)
    worker.start()
    messages = []
    while not messages or not isinstance(messages[-1], builds.Ended):
        message = worker.messages.get(timeout=PATIENCE)
        on_message(worker, message)
        if not isinstance(message, (builds.Progress, builds.Connected)):
            messages.append(message)
    return messages


def wait_until(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_it_is_started_when_needed_shared_and_stopped_by_whom_started_it(start, tmp_path):
    first, second = start(), start()
    client = first.connect()
    pid = handshake(tmp_path)["pid"]
    assert client.health()["status"] == "ready"
    assert second.connect().url == client.url and handshake(tmp_path)["pid"] == pid
    second.stop()
    assert client.health()["status"] == "ready"
    first.stop()
    first._process.wait(PATIENCE)
    assert not (tmp_path / "data" / "server.json").exists()


def test_two_blenders_that_start_it_at_once_get_one(start):
    urls = queue.SimpleQueue()
    threads = [threading.Thread(target=lambda server=start(): urls.put(server.connect().url)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert urls.get(timeout=1) == urls.get(timeout=1)


def test_a_handshake_that_nobody_answers_or_of_elsewhere_is_not_followed(start, tmp_path):
    for url in ("http://127.0.0.1:9", "http://example.com:80"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / "server.json").write_text(json.dumps({"url": url, "token": "t", "pid": 1, "version": "0.1.0"}))
        server = start()
        assert server.connect().url not in url
        server.stop()
        server._process.wait(PATIENCE)


def test_a_client_calls_this_machine_alone():
    for url in ("http://example.com:80", "https://127.0.0.1:80", "http://127.0.0.1", "file:///etc/passwd"):
        with pytest.raises(ValueError):
            Client(url, "token")


def test_a_server_of_another_version_is_refused_in_words(start, tmp_path):
    class Old(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            assert "Authorization" not in self.headers  # Who is not known yet gets no token.
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status": "ready", "version": "7.5.1+abc"}')

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Old) as old:
        threading.Thread(target=old.serve_forever, daemon=True).start()
        (tmp_path / "data").mkdir()
        told = {"url": f"http://127.0.0.1:{old.server_port}", "token": "t", "pid": 77, "version": "7.5.1"}
        (tmp_path / "data" / "server.json").write_text(json.dumps(told))
        with pytest.raises(ServerFault, match=r"server 7\.5\.1\+abc is running \(process 77\), and this add-on needs 0\.1"):
            start().connect()
        old.shutdown()


def test_a_server_that_was_started_and_does_not_fit_is_stopped_again(start, tmp_path):
    server = start(version=(7, 5, 1))
    with pytest.raises(ServerFault, match="this add-on needs 7.5"):
        server.connect()
    server._process.wait(PATIENCE)
    server.stop()
    assert not (tmp_path / "data" / "server.json").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="locks a file as Unix does")
def test_one_that_is_just_stopping_is_waited_for(start, tmp_path):
    import fcntl

    (tmp_path / "data").mkdir()
    with open(tmp_path / "data" / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = start()

        def let_go():
            wait_until(lambda: server._process and server._process.poll() is not None)
            fcntl.flock(lock, fcntl.LOCK_UN)

        holder = threading.Thread(target=let_go)
        holder.start()
        assert server.connect().health()["status"] == "ready"
        holder.join()


def test_a_server_that_is_not_there_is_said_to_be_so(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ServerFault, match="preferences"):
        find_executable("", tmp_path / "addon")
    with pytest.raises(ServerFault, match="Correct the path"):
        find_executable(str(tmp_path / "nothing"), tmp_path / "addon")


def test_it_is_looked_for_in_the_preferences_inside_beside_and_on_the_path(monkeypatch, tmp_path):
    addon = tmp_path / "addons" / "mesh_from_faces"
    places = [tmp_path / "path", addon.parent / "mesh-from-faces", addon / "server", tmp_path / "preferred"]
    monkeypatch.setenv("PATH", str(places[0]))
    for place in places:  # Each goes before those before it.
        place.mkdir(parents=True)
        (place / "mesh-from-faces").write_text("#!/bin/sh")
        (place / "mesh-from-faces").chmod(0o755)
        assert find_executable(str(place) if place.name == "preferred" else "", addon) == place / "mesh-from-faces"


def test_a_server_that_cannot_start_says_why_in_its_own_words(start, tmp_path):
    (tmp_path / "data").write_text("not a folder")
    broken = tmp_path / "mesh-from-faces"
    broken.write_text("#!/bin/sh\necho 'error: no luck today.' >&2\nexit 1\n")  # And not executable: as a zip unpacks it.
    server = Server(ADDON, VERSION, data=tmp_path / "other")
    server.preferred = str(broken)
    with pytest.raises(ServerFault, match="error: no luck today"):
        server.connect()


def test_a_job_outlives_a_killed_server(start, tmp_path):
    server = start()
    killed = []

    def kill_once(_, message):
        if isinstance(message, builds.Progress) and message.fraction > 0 and not killed:
            killed.append(handshake(tmp_path)["pid"])
            os.kill(killed[0], signal.SIGKILL)

    built, ended = messages_of(server, builds.build(builds.Capture("Face", (str(PORTRAIT),), SMALL)), kill_once)
    assert handshake(tmp_path)["pid"] != killed[0]
    assert isinstance(built, builds.Built) and ended == builds.Ended(cancelled=False)
    assert len(server.connect().jobs()) == 1  # Taken up again, not sent again.
    assert len(built.face.sizes) == 5440 and set(built.face.sizes) == {4}


def test_a_job_is_followed_by_its_events_and_where_there_are_none_by_asking(start, monkeypatch):
    client = start().connect()
    with monkeypatch.context() as no_asking:
        no_asking.delattr(Client, "job")
        told = list(client.follow(client.submit([("a.png", str(PORTRAIT))], SMALL)["id"]))
    assert [record["progress"] for record in told] == sorted(record["progress"] for record in told)
    assert told[-1]["state"] == "succeeded" and told[-1] == client.job(told[-1]["id"])
    monkeypatch.setattr(Client, "_events", lambda self, job: iter(()))
    asked = list(client.follow(client.submit([("b.png", str(PORTRAIT))], {**SMALL, "layout": "facemesh468"})["id"]))
    assert asked[-1]["state"] == "succeeded"


def test_names_of_all_kinds_come_back_with_their_photos(start, tmp_path):
    names = ['ü "quoted" 100%;.png', "a/same.png", "b/same.png", "l" * 120 + ".png", "😀" * 60 + ".png", "line\nbreak.png", "back\\slash.png"]
    photos = []
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(PORTRAIT.read_bytes())
        photos.append(str(path))
    built, _ = messages_of(start(), builds.build(builds.Capture("Face", tuple(photos), SMALL)))
    assert [built.photos[view.image] for view in built.face.views] == photos
    assert set(built.sigmas) == set(built.photos) and all(sigma > 0 for sigma in built.sigmas.values())


def test_what_is_wrong_with_a_photo_is_said(start, tmp_path):
    (tmp_path / "notes.jpg").write_text("no picture")
    server = start()
    for photo, said in ((tmp_path / "notes.jpg", "'notes.jpg' is a text"), (tmp_path / "gone.jpg", "gone.jpg' cannot be read: No such file")):
        failed, ended = messages_of(server, builds.build(builds.Capture("Face", (str(photo),), SMALL)))
        assert said in failed.reason and ended == builds.Ended()
    skipping = builds.Capture("Face", (str(PORTRAIT), str(tmp_path / "notes.jpg")), {**SMALL, "skipBadViews": True})
    built, _ = messages_of(server, builds.build(skipping))
    assert len(built.face.views) == 1 and "'notes.jpg' is a text" in built.skipped[0]
    failed, _ = messages_of(server, builds.build(builds.Capture("Face", (str(PORTRAIT),), {"textureSize": 1000})))
    assert "1000" in failed.reason


def test_cancelling_ends_the_job_and_nothing_else(start):
    server = start()
    other = server.connect().submit([("other.png", str(PORTRAIT))], SMALL)["id"]

    def cancel_at_once(worker, message):
        if isinstance(message, builds.Progress) and "turn" in message.text:
            worker.cancel()

    assert messages_of(server, builds.build(builds.Capture("Face", (str(PORTRAIT),), SMALL)), cancel_at_once) == [builds.Ended(cancelled=True)]
    client = server.connect()
    wait_until(lambda: all(job["id"] == other or job["state"] == "cancelled" for job in client.jobs()))
    assert list(client.follow(other))[-1]["state"] == "succeeded"


def test_a_server_that_works_for_another_is_left_to_it(start):
    server = start()
    client = server.connect()
    job = client.submit([("other.png", str(PORTRAIT))], SMALL)["id"]
    server.stop()
    assert list(client.follow(job))[-1]["state"] == "succeeded"


def test_a_folder_of_captures_becomes_glbs_and_one_bad_capture_stops_none(start, tmp_path):
    captures = tmp_path / "night"
    for name in ("anna", "bert", "empty", ".hidden"):
        (captures / name).mkdir(parents=True)
    for name in ("anna", ".hidden"):
        (captures / name / "front.PNG").write_bytes(PORTRAIT.read_bytes())
        (captures / name / "notes.txt").write_text("left out")
    (captures / "bert" / "front.jpg").write_text("no picture")
    server = start()
    written, failed, ended = messages_of(server, builds.build_folder(str(captures), SMALL, False, str(captures)))
    assert written.capture.name == "anna" and (captures / "anna.glb").read_bytes()[:4] == b"glTF"
    assert failed.reason.startswith("bert: 'front.jpg' is a text") and ended == builds.Ended()
    assert sorted(path.name for path in captures.iterdir()) == [".hidden", "anna", "anna.glb", "bert", "empty"]
    failed, _ = messages_of(server, builds.build_folder(str(captures / "empty"), SMALL, False))
    assert "has no folder of photos in it" in failed.reason
