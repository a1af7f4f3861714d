"""Sending and receiving by hand: a chat, JSON, files, and what became of each."""
import hashlib
import os
import subprocess
import unittest

from page import *
from rawcast import BIN


class Sending(PageTest):
    def write(self, recipients, text):
        self.page.open("send", *recipients[:1])
        self.page.add("recipients", *recipients[1:])
        self.page.find("[name=content]").send_keys(text)

    def test_a_chat_of_two_nodes_and_their_group(self):
        self.page.open("nodes")
        for name in ("alice", "bob"):
            self.page.press(".button.primary", "Create node")
            self.page.type("node_id", name)
            self.page.press("dialog .button.primary")
            self.page.find(f"tr[data-node={name}]")
        bob = self.browser()
        bob.open("nodes", "bob")
        bob.choose("view", "console")
        bob.press("#node-console .button", "Begin")
        bob.find(".badge", "Receiving")
        # Alice writes from the form, Bob sees it at once and answers; the answer waits for Alice.
        self.write(["bob"], "Lunch at noon?")
        self.page.type("sender", "alice")
        self.page.press("[name=send]")
        self.page.find("[data-recipient=bob][data-code=ok]")
        bob.find(".bubble", "Lunch at noon?")
        bob.add("console_to", "alice")
        bob.find("[name=console_text]").send_keys("With pleasure 🍜", Keys.ENTER)
        bob.find(".bubble.mine", "With pleasure")
        self.page.open("nodes", "alice")
        self.page.choose("view", "console")
        self.page.press("#node-console .button", "Begin")
        self.page.find(".bubble", "With pleasure 🍜")
        wait_for(
            "both acknowledged",
            lambda: all(self.call("GET", f"/api/nodes/{name}")[1]["queued"] == 0 for name in ("alice", "bob")),
        )
        # To the group of both, and to everybody.
        self.call("POST", "/api/groups/team/members", {"nodes": ["alice", "bob"]})
        sender = self.browser()
        sender.open("send", "group", "team")
        sender.find("[name=content]").send_keys("All of you?")
        sender.keys(Keys.CONTROL + Keys.ENTER)
        sender.find("#results li", "2 members")
        sender.choose("cast_type", "broadcast")
        sender.find("[name=content]").send_keys("The kitchen is open")
        sender.press("[name=send]")
        sender.find("#results li", "Every node")
        for page in (self.page, bob):
            page.find(".bubble", "All of you?")
            page.find(".bubble", "The kitchen is open")

    def test_the_outcome_is_told_for_each_recipient(self):
        self.made("bob")
        self.write(["bob", "nobody"], "hello")
        self.page.press("[name=send]")
        self.page.find("[data-recipient=bob][data-code=ok]")
        self.page.find("[data-recipient=nobody][data-code=no_such_node]")
        self.page.see("Sent to 1", "#results")
        self.assertEqual(self.received("bob")[0]["content"], "hello")
        self.write(["nobody"], "hello")
        self.page.press("[name=send]")
        self.page.find("#results li[data-success=false]", "Not sent")
        self.page.choose("cast_type", "multicast")
        self.page.type("group_id", "no-such-group")
        self.page.press("[name=send]")
        self.page.see("No such group")

    def test_json_is_checked_before_and_arrives_as_json(self):
        self.made("bob")
        self.page.open("send", "bob")
        self.page.choose("message_type", "json")
        self.page.paste("json", '{"temperature": 21.5,')
        self.page.see("This is not JSON")
        self.assertFalse(self.page.find("[name=send]").is_enabled())
        self.page.paste("json", '{"temperature": 21.5, "tags": ["roof", "北"]}')
        self.page.press("summary")
        self.page.find("[name=priority]").send_keys("9")
        self.page.type("ttl", "soon")
        self.page.see("Write a number and a unit")
        self.page.type("ttl", "1.5h")
        self.page.find("[name=headers]").send_keys("trace: 77")
        self.page.press("[name=send]")
        self.page.find("[data-recipient=bob][data-code=ok]")
        message = self.received("bob")[0]
        self.assertEqual(message["content"], {"temperature": 21.5, "tags": ["roof", "北"]})
        self.assertEqual(
            (message["message_type"], message["priority"], message["headers"].get("trace")), ("json", 9, "77")
        )

    def test_a_file_arrives_whole(self):
        if self.call("GET", "/api/files")[0] == 404:
            self.skipTest("this broker takes no files over HTTP")
        self.made("bob")
        bytes_ = os.urandom(3_000_000)
        path = os.path.join(self.page.folder, "q3 rapport <b>é 报告.bin")
        with open(path, "wb") as file:
            file.write(bytes_)
        self.page.open("send", "bob")
        self.page.choose("message_type", "file")
        self.page.see("Drop a file here")
        self.page.all("input[type=file]")[0].send_keys(path)
        self.page.see("报告.bin", ".drop")
        self.page.press("[name=send]")
        self.page.find("[data-recipient=bob][data-code=ok]")
        self.page.see(hashlib.sha256(bytes_).hexdigest(), "#results")
        self.page.see("q3 rapport <b>é 报告.bin", "#results")
        self.assertGreater(self.call("GET", "/api/nodes/bob")[1]["queued"], 0)

    def test_a_node_that_another_program_reads_can_be_taken_over(self):
        self.made("bob")
        reader = subprocess.Popen(
            [os.path.join(BIN, "nodectl"), "--broker", self.broker.url, "recv", "bob"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.page.open("nodes", "bob")
            self.page.find(".badge", "Active")
            self.page.choose("view", "console")
            self.page.press("#node-console .button", "Begin")
            self.page.find("#node-console [role=alert]")
            self.page.press("#node-console .button", "Take it over")
            self.page.find(".badge", "Receiving")
            self.sent("alice", ["bob"], "whose is it?")
            self.page.find(".bubble", "whose is it?")
        finally:
            reader.terminate()
            reader.wait()


if __name__ == "__main__":
    unittest.main()
