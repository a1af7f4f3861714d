"""What others wrote is shown as text, whatever it looks like, and takes no more room than its box."""
import os
import unittest

from page import *

MARKUP = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<style>*{display:none}</style>{{7*7}}${7*7}"
)
HUGE = "W" * 900_000
LINES = "\n" * 5000 + "end"
RTL = "שלום \u202egnp.exe\u202c \u2067مرحبا\u2069 " * 20
ZALGO = "Z" + "\u0334\u0322\u0321" * 300
CONTENTS = (MARKUP, HUGE, LINES, RTL, ZALGO, "\x00\x01\x1b[31mred\x7f\ufeff\u2028", "javascript:alert(1)", "")


class Hostile(PageTest):
    def check(self, where):
        self.assertNotIn("owned", self.page.driver.title, where)
        self.assertLessEqual(self.page.overflows(), 0, where)
        self.assertEqual(
            self.page.run(
                "return document.querySelectorAll('#root script, #root img, #root style, #root iframe').length"
            ),
            0,
            where,
        )
        self.assertEqual(self.page.complaints(), [], where)

    def furnish(self):
        self.made("bob")
        for content in CONTENTS:
            self.sent("mallory", ["bob"], content)
        self.sent(
            "mallory",
            ["bob"],
            {MARKUP: [MARKUP, {"deep": RTL}]},
            message_type="json",
            headers={"x-" + MARKUP[:40]: RTL, "h": MARKUP},
            id=MARKUP,
        )
        self.sent("mallory", ["bob"], "typed", message_type="text/x-" + "y" * 100)

    def test_hostile_messages_are_text_for_their_receiver(self):
        self.furnish()
        for size in (DESKTOP, PHONE):
            self.page.size(size)
            self.page.open("nodes", "bob")
            self.page.choose("view", "mailbox")
            self.page.wait("the mailbox", lambda: not self.page.has("#node-mailbox .empty[role=status]"))
            self.check("mailbox")
        self.page.choose("view", "console")
        self.page.press("#node-console .button", "Begin")
        self.page.find(".bubble", MARKUP[:60])
        self.page.find(".bubble", "typed")
        self.check("console")
        shown = self.page.run("return [...document.querySelectorAll('.bubble .payload')].map((e) => e.textContent)")
        self.assertIn(MARKUP, shown)
        self.assertIn(RTL, shown)
        self.assertTrue(any(len(text) <= 20_000 and text.startswith("WWW") for text in shown))
        self.page.see("Only the beginning is shown", ".bubbles")

    def test_hostile_messages_are_text_in_the_live_log(self):
        self.made("bob")
        self.page.open("live")

        def passes():
            self.sent("mallory", ["bob"], MARKUP)
            return self.page.has("#live-log li", MARKUP[:60])

        self.page.wait("the log to begin", passes)
        self.furnish()
        self.page.find("#live-log li", "مرحبا")
        self.page.find("#live-log li", "WWWWWW")
        for index, button in enumerate(self.page.all("#live-log .linky")[:12]):
            self.page.run("arguments[0].click()", button)
        self.check("live")
        self.page.size(PHONE)
        self.check("live on a phone")

    def test_a_hostile_program_and_its_names_are_text(self):
        from rawcast import ATTACHED, WELCOME, attach, hello

        with self.broker.peer() as peer:
            agent = ("<b onclick=x>" + RTL)[:100]
            while len(agent.encode()) > 200:
                agent = agent[:-1]
            peer.say(hello(peer.session, agent=agent), attach(["evil"]))
            peer.expect(WELCOME)
            peer.expect(ATTACHED)
            self.page.open("nodes", "evil")
            self.page.see("<b onclick=x>")
            self.check("agent")

    def test_a_hostile_address_leads_nowhere(self):
        for fragment in (
            "#/nodes/" + "%3Cimg src=x onerror=alert(1)%3E",
            "#/nodes/%",
            "#/nodes/..%2F..%2Fstatus",
            "#/groups/" + "g" * 5000,
            "#/__proto__",
            "#//",
        ):
            self.page.driver.get(self.page.url + fragment)
            self.page.find("h1")
            self.check(fragment)

    def test_hostile_words_of_ones_own_come_back_as_text(self):
        self.made("bob")
        self.page.open("send", "bob")
        self.page.paste("content", MARKUP)
        self.page.press("[name=send]")
        self.page.find("[data-recipient=bob][data-code=ok]")
        self.page.choose("message_type", "file")
        path = os.path.join(self.page.folder, "<img src=x onerror=alert(1)>" + RTL[:30] + ".txt")
        with open(path, "w") as file:
            file.write(MARKUP)
        self.page.all("input[type=file]")[0].send_keys(path)
        self.page.see("<img src=x onerror=alert(1)>", ".drop")
        self.check("file")
        self.page.open("nodes")
        self.page.find("input[type=search]").send_keys(MARKUP)
        self.page.see("Nothing matches “<script>")
        self.check("search")


if __name__ == "__main__":
    unittest.main()
