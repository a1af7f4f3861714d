"""The live log: what passes is seen, filtered, paused; a flood is sampled, and the page says so."""
import os
import subprocess
import unittest

from page import *
from rawcast import BIN


class Live(PageTest):
    def lines(self):
        return self.page.run("return [...document.querySelectorAll('#live-log > li')].map((row) => row.innerText)")

    def test_messages_appear_as_they_pass(self):
        self.made("bob", "carol")
        self.page.open("live")
        self.page.see("Every message is shown")
        self.page.see("Waiting for messages")

        def passes():
            self.sent("alice", ["bob"], "one")
            return self.page.has("#live-log li", "one")

        wait_for("the log to begin", passes)
        self.sent("alice", ["carol"], {"n": 2}, message_type="json")
        self.call("POST", "/api/send", {"cast_type": "broadcast", "sender": "ops", "content": "three"})
        self.page.find("#live-log li", '{ "n": 2 }')
        self.page.find("#live-log li", "everybody")
        self.page.press("#live-log li .linky")
        self.page.see("Stream : sequence")

    def test_a_filter_lets_only_its_own_pass(self):
        self.made("bob", "carol")
        self.page.open("live")
        self.page.type("filter_sender", "ali*")
        self.page.type("filter_text", "needle")
        self.page.see("Clear the filter")

        def passes():
            for sender, recipient, text in (
                ("mallory", "bob", "needle 1"),
                ("alice", "bob", "hay"),
                ("alfred", "bob", "needle 2"),
                ("alice", "carol", "a needle"),
            ):
                self.sent(sender, [recipient], text)
            return self.page.has("#live-log li", "a needle")

        wait_for("the filter to work", passes)
        shown = self.lines()
        self.assertTrue(all("alice" in line and "needle" in line for line in shown), shown)
        self.page.press(".linky", "Clear the filter")
        wait_for("everything again", lambda: passes() and any("mallory" in line for line in self.lines()))

    def test_a_paused_log_stands_still_and_counts(self):
        self.made("bob")
        self.page.open("live")

        def passes():
            self.sent("alice", ["bob"], "before")
            return self.page.has("#live-log li", "before")

        wait_for("the log to begin", passes)
        self.page.press("[name=pause]")
        self.page.see("Paused")

        def counts():
            self.sent("alice", ["bob"], "meanwhile")
            return "Paused: 0" not in self.page.text("#sampling")

        wait_for("the count", counts)
        self.assertFalse(self.page.has("#live-log li", "meanwhile"))
        self.page.press("[name=pause]")

        def goes_on():
            self.sent("alice", ["bob"], "after")
            return self.page.has("#live-log li", "after")

        wait_for("the log to go on", goes_on)

    def test_a_flood_is_sampled_and_the_page_says_so(self):
        self.made("bob")
        self.page.open("live")
        reader = subprocess.Popen(
            [os.path.join(BIN, "nodectl"), "--broker", self.broker.url, "recv", "bob", "--raw"],
            stdout=subprocess.DEVNULL,
        )
        lines = subprocess.Popen(["yes", "flood"], stdout=subprocess.PIPE)
        sender = subprocess.Popen(
            [os.path.join(BIN, "nodectl"), "--broker", self.broker.url, "send", "-l", "--unicast", "bob"],
            stdin=lines.stdout,
        )
        try:
            self.page.find("#sampling[data-sampled=true]", "A sample:")
            self.page.find("#live-log li", "flood")
            wait_for("a full log", lambda: len(self.lines()) > 100)
            self.assertLessEqual(len(self.lines()), 300)
            self.page.open("overview")
            wait_for(
                "the rate on the overview", lambda: "K" in self.page.text(".tiles") or "M" in self.page.text(".tiles")
            )
        finally:
            for process in (lines, sender, reader):
                process.terminate()
                process.wait()
            lines.stdout.close()
        self.page.open("live")
        self.page.see("Every message is shown")


if __name__ == "__main__":
    unittest.main()
