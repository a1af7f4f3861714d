"""Who sees messages that are not for them: the broker's own page, and nobody else. One thread."""
import unittest

import zmq

from rawcast import *
from web import WebSocket, curl


class LiveLog(unittest.TestCase):
    def test_only_the_page_sees_what_others_send_each_other(self):
        with Broker(http="127.0.0.1:0") as broker:
            curl(broker.http + "/api/nodes", method="POST", body={"node_id": "bob"})
            page = WebSocket(broker.http, "/ws")
            self.addCleanup(page.close)
            page.say({"type": "subscribe", "topics": ["log", "status"]})
            page.hear_type("ok")
            overheard = broker.context.socket(zmq.SUB)
            overheard.setsockopt(zmq.SUBSCRIBE, b"")
            overheard.connect(broker.publish_url)
            with broker.peer() as spy, broker.peer("listener"):  # somebody for whom broadcasts are published
                spy.say(hello(spy.session))
                hidden = f"$reply.{spy.session:016x}"
                spy.say(attach([hidden]))
                self.assertEqual(attached_codes(spy.expect(ATTACHED, skip=(WELCOME,))), {hidden: "ok"})
                self.assertEqual(spy.call({"op": "group.join", "group": "$tap", "nodes": [hidden]})[0], "forbidden")
                self.assertEqual(spy.call({"op": "group.join", "group": "$events", "nodes": [hidden]}), {})
                for call in (
                    {"op": "tap"},
                    {"op": "tap", "key": ""},
                    {"op": "tap", "key": "0" * 32},
                    {"op": "tap", "key": 7},
                ):
                    self.assertEqual(spy.call(call)[0], "forbidden")
                for group in "$tap", "$events":
                    self.assertIn(spy.call({"op": "history", "group": group})[0], ("no_such_group", "forbidden"))

                def shown():
                    curl(
                        broker.http + "/api/send",
                        method="POST",
                        body={"cast_type": "unicast", "recipients": ["bob"], "content": "for bob alone"},
                    )
                    said = page.hear()  # a status comes each second, so that this does not wait for ever
                    return said["type"] == "log" and any(m["content"] == "for bob alone" for m in said["messages"])

                wait_for("the page to show it", shown)
                curl(broker.http + "/api/send", method="POST", body={"cast_type": "broadcast", "content": "the end"})
                heard = b""
                while b"the end" not in heard:
                    self.assertTrue(overheard.poll(20000 * FACTOR), "the broadcast")
                    heard += b"".join(overheard.recv_multipart())
                self.assertNotIn(b"for bob alone", heard)
                self.assertNotIn(b"for bob alone", spy.got)
                spy.say(frame(BYE))


if __name__ == "__main__":
    unittest.main()
