"""What a page of another site can do to the broker of whoever looks at it: nothing. It has the browser's hands:
requests without asking first, images, forms, WebSockets, and lines of HTTP to whatever port it likes. One thread."""
import socket
import unittest

from rawcast import *
from web import Served, WebSocket, connect, curl, read_all

EVIL = "https://evil.example"
IMAGE = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"]
FORMS = (
    "text/plain",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
)


class OtherSites(Served):
    def ask(self, method, path, status, code, body=None, **more):
        answer = curl(self.url + path, method=method, body=body, **more)
        self.assertEqual(answer.status, status, (method, path, more, answer))
        if method != "HEAD":
            self.assertEqual(answer.json.get("code"), code, (method, path, more, answer))
        return answer

    def node(self, name, *contents, **more):
        made = curl(self.url + "/api/nodes", method="POST", body={"node_id": name, **more})
        self.assertEqual(made.status, 201)
        for content in contents:
            sent = curl(
                self.url + "/api/send",
                method="POST",
                body={"cast_type": "unicast", "recipients": [name], "content": content},
            )
            self.assertTrue(sent.json["success"])
        return made.json

    def waiting(self, name):
        return [m["content"] for m in curl(f"{self.url}/api/nodes/{name}/mailbox").json["messages"]]

    def test_images_links_and_forms_take_nothing(self):
        self.node("bob", "precious")
        take = "/api/nodes/bob/receive?ack=now&take_over=true&timeout=0"
        for headers in (
            IMAGE,
            ["Origin: " + EVIL],
            ["Origin: null"],
            ["Sec-Fetch-Site: same-site"],
            [f"Origin: {self.url}0"],
        ):
            self.ask("GET", take, 403, "bad_origin", headers=headers)
            self.ask("POST", take, 403, "bad_origin", headers=headers)
            self.ask("DELETE", "/api/nodes/bob/mailbox", 403, "bad_origin", headers=headers)
            self.ask("GET", "/api/nodes/bob/mailbox", 403, "bad_origin", headers=headers)
            self.ask("GET", "/api/status", 403, "bad_origin", headers=headers)
        # What a browser does by itself, or does not mark: typed addresses, prefetches, images by plain HTTP.
        for headers in (
            ["Sec-Fetch-Site: none"],
            ["Sec-Fetch-Dest: image"],
            ["Referer: " + EVIL],
            ["User-Agent: Mozilla/5.0 (X11)"],
            [f"Origin: {self.url}"],
        ):
            self.ask("GET", take, 403, "forbidden", headers=headers)
        self.assertEqual(self.ask("HEAD", take, 405, "").headers["allow"], "POST, GET, DELETE, OPTIONS")
        for kind in FORMS:
            self.ask("POST", take, 415, "unsupported_media_type", body=b"", content_type=kind)
            self.ask("POST", take, 415, "unsupported_media_type", body=b"{}", content_type=kind)
        self.ask("POST", take, 422, "invalid_argument", body={"timeout": "1s"})
        self.assertEqual(self.waiting("bob"), ["precious"])
        self.assertFalse(curl(self.url + "/api/nodes/bob").json["active"])

    def test_a_script_takes_by_post_and_one_of_earlier_versions_by_get(self):
        self.node("carol", "first", "second", "third")
        post = curl(self.url + "/api/nodes/carol/receive?timeout=5s&ack=now", method="POST")
        self.assertEqual([m["content"] for m in post.json["messages"]], ["first"])
        self.assertNotIn("deprecation", post.headers)
        bodied = curl(self.url + "/api/nodes/carol/receive?timeout=5s&ack=now", method="POST", body={})
        self.assertEqual([m["content"] for m in bodied.json["messages"]], ["second"])
        got = curl(self.url + "/api/nodes/carol/receive?timeout=5s&ack=now")
        self.assertEqual([m["content"] for m in got.json["messages"]], ["third"])
        self.assertRegex(got.headers["deprecation"], r"^@\d+$")
        own = curl(
            self.url + "/api/nodes/carol/receive?timeout=0",
            method="POST",
            headers=[f"Origin: {self.url}", "Sec-Fetch-Site: same-origin"],
        )
        self.assertEqual(own.status, 200)

    def test_forms_and_scripts_send_and_make_nothing(self):
        port = self.url.rsplit(":", 1)[1]
        self.node("dave")
        message = {"cast_type": "unicast", "recipients": ["dave"], "content": "from another site"}
        refused = [
            ["Origin: " + EVIL],
            ["Origin: null"],
            [f"Origin: http://127.0.0.1:{int(port) - 1}"],
            ["Sec-Fetch-Site: cross-site"],
            [f"Origin: {self.url}", "Sec-Fetch-Site: cross-site"],
            [f"Origin: {self.url}", "Origin: " + EVIL],
        ]
        for headers in refused:
            self.ask("POST", "/api/send", 403, "bad_origin", body=message, headers=headers)
            self.ask("POST", "/api/nodes", 403, "bad_origin", body={"node_id": "crossed"}, headers=headers)
            self.ask(
                "POST",
                "/api/files?recipients=dave&filename=x",
                403,
                "bad_origin",
                body=b"x",
                content_type="application/octet-stream",
                headers=headers,
            )
        for kind in FORMS:
            self.ask("POST", "/api/send", 415, "unsupported_media_type", body=message, content_type=kind)
            self.ask(
                "POST",
                "/api/files?recipients=dave&filename=x",
                415,
                "unsupported_media_type",
                body=b"x",
                content_type=kind,
            )
        self.assertEqual(self.waiting("dave"), [])
        self.ask("GET", "/api/nodes/crossed", 404, "no_such_node")
        self.assertNotIn(
            "access-control-allow-origin",
            self.ask("OPTIONS", "/api/send", 403, "bad_origin", headers=["Origin: " + EVIL]).headers,
        )

    def test_names_that_only_point_here_are_refused_and_our_own_are_not(self):
        port = self.url.rsplit(":", 1)[1]
        self.ask(
            "POST", "/api/nodes", 403, "bad_host", body={"node_id": "crossed"}, headers=[f"Host: evil.example:{port}"]
        )
        for host in ("rebound.example", "localhost.evil.example", f"127.0.0.1.evil.example:{port}", "127.0.0.2"):
            self.ask("GET", "/api/nodes", 403, "bad_host", headers=["Host: " + host])
        for host in (f"localhost:{port}", f"[::1]:{port}", "LOCALHOST"):
            self.assertEqual(curl(self.url + "/api/status", headers=["Host: " + host]).status, 200)
        own = curl(
            self.url + "/api/nodes",
            method="POST",
            body={"node_id": "own"},
            headers=[f"Origin: {self.url}", "Sec-Fetch-Site: same-origin"],
        )
        self.assertEqual(own.status, 201)
        linked = curl(
            self.url + "/", headers=["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate", "Referer: " + EVIL]
        )
        self.assertEqual(linked.status, 200)  # a link to the page is one

    def test_websockets_of_other_sites_are_refused(self):
        self.node("erin", "precious")
        for path in ("/ws", "/ws/nodes/erin", "/ws/nodes/erin?take_over=true"):
            for headers in (
                ["Origin: " + EVIL],
                ["Origin: null"],
                [f"Origin: {self.url}", "Sec-Fetch-Site: cross-site"],
            ):
                ws = WebSocket(self.url, path, headers=headers)
                self.assertEqual(ws.status, 403)
                ws.close()
        self.assertEqual(self.waiting("erin"), ["precious"])

    def hears(self, port, *said, finish=True):
        """All that a node's port says to one who says this."""
        with connect(f"http://127.0.0.1:{port}") as peer:
            for part in said:
                peer.sendall(part)
            if finish:
                peer.shutdown(socket.SHUT_WR)
            return [json.loads(line) for line in read_all(peer).splitlines()]

    def test_http_to_the_port_of_a_node_neither_sends_nor_takes_nor_takes_over(self):
        self.node("frank")
        port = self.node("grace", port=0)["port"]
        with connect(f"http://127.0.0.1:{port}") as device, device.makefile("rb") as kept:
            device.sendall(b'{"type": "ping"}\n')
            self.assertEqual([json.loads(kept.readline())["type"] for _ in range(2)], ["ready", "pong"])
            line = b'{"content": "from another site", "recipients": ["frank"]}\n'
            request = (
                b"POST / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: %s\r\n"
                b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (port, EVIL.encode(), len(line))
            )
            for said in (
                request + line,
                b"\r\n\r\n" + request + line,
                b"GET / HTTP/1.1\r\n\r\n" + line,
                b"\x16\x03\x01" + line,
            ):
                answers = self.hears(port, said, finish=False)
                self.assertEqual([a["code"] for a in answers], ["malformed"])
            device.sendall(b'{"type": "ping"}\n')
            self.assertEqual(json.loads(kept.readline())["type"], "pong")  # the node is still this one's
        wait_for("the device to be gone", lambda: not curl(self.url + "/api/nodes/grace").json["active"])
        sent = curl(
            self.url + "/api/send",
            method="POST",
            body={"cast_type": "unicast", "recipients": ["grace"], "content": "precious"},
        )
        self.assertTrue(sent.json["success"])
        self.assertEqual([a["code"] for a in self.hears(port, request + line, finish=False)], ["malformed"])
        self.assertEqual(self.waiting("grace"), ["precious"])
        self.assertEqual(self.waiting("frank"), [])

    def test_a_first_line_that_only_begins_like_an_object_ends_it_too(self):
        self.node("heidi")
        port = self.node("ivan", port=0)["port"]
        answers = self.hears(port, b'{ HTTP/1.1\r\n{"content": "x", "recipients": ["heidi"]}\n', finish=False)
        self.assertEqual([a.get("code") for a in answers], [None, "malformed"])
        self.assertEqual(self.waiting("heidi"), [])


if __name__ == "__main__":
    unittest.main()
