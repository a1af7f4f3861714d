"""What waits for a node, what it has read, and what has died: looked at, put back and thrown away by hand."""
import unittest

from page import *


class Dead(PageTest):
    def test_a_dead_letter_is_seen_sent_again_and_thrown_away(self):
        self.made("mortal")
        for content in ("first of two", "second of two"):
            self.sent("alice", ["mortal"], content)
        self.call("DELETE", "/api/nodes/mortal")
        self.page.open("dead")
        self.page.see("2 dead letters")
        self.page.find(".letter", "first of two")
        self.page.find(".letter .badge", "Its node was deleted")
        self.page.press(".letter [name=requeue]")  # its node is gone
        self.page.see("no such node")
        self.made("mortal")
        newest = self.page.find(".letter").get_attribute("data-seq")
        self.page.press(f".letter[data-seq='{newest}'] [name=requeue]")
        self.page.gone(f".letter[data-seq='{newest}']")
        mail = self.call("GET", "/api/nodes/mortal/mailbox")[1]["messages"]
        self.assertEqual([(m["content"], m["sender"]) for m in mail], [("second of two", "alice")])
        self.page.press(".button.danger", "Throw all away")
        self.page.press("dialog .button.danger")
        self.page.see("No dead letters")
        self.assertEqual(self.call("GET", "/api/dead")[1]["total"], 0)

    def test_a_mailbox_is_looked_at_and_emptied_and_what_was_read_is_in_the_log(self):
        self.made("bob")
        self.sent("alice", ["bob"], "has been read")
        self.received("bob")
        self.sent("alice", ["bob"], "waits for bob")
        self.page.open("nodes", "bob")
        self.page.choose("view", "mailbox")
        self.page.find("#node-mailbox li", "waits for bob")
        self.assertEqual(self.call("GET", "/api/nodes/bob")[1]["queued"], 1)
        self.page.press("#node-mailbox .button.danger")
        self.page.press("dialog .button.danger")
        self.page.gone("#node-mailbox li")
        self.assertEqual(self.call("GET", "/api/nodes/bob")[1]["queued"], 0)
        self.assertEqual(
            [m["content"] for m in self.call("GET", "/api/nodes/bob/messages")[1]["messages"]], ["has been read"]
        )


if __name__ == "__main__":
    unittest.main()
