"""Messages for a later time, scheduled, listed and called off by hand."""
import time
import unittest

from page import *


class Later(PageTest):
    def test_a_message_is_scheduled_listed_and_called_off(self):
        self.made("bob")
        self.page.open("later")
        self.page.see("Nothing is scheduled")
        self.page.press("a.button", "Schedule a message")
        self.page.add("recipients", "bob")
        self.page.find("[name=content]").send_keys("not before tea")
        self.page.choose("when", "delay")
        self.assertFalse(self.page.find("[name=send]").is_enabled())
        self.page.type("delay", "soon")
        self.page.see("Write a number and a unit")
        self.page.type("delay", "1.25h")
        self.page.press("[name=send]")
        self.page.find("#results .badge", "Scheduled for")
        waiting = self.call("GET", "/api/later")[1]["later"]
        self.assertEqual([(one["target"], one["messages"]) for one in waiting], [("bob", 1)])
        self.assertAlmostEqual(waiting[0]["due_us"] / 1e6, time.time() + 4500, delta=60 * FACTOR)
        self.assertEqual(self.call("GET", "/api/nodes/bob")[1]["queued"], 0)
        self.page.press("#results a", "Scheduled")
        self.page.find(f"tr[data-later='{waiting[0]['id']}']", "bob")
        self.page.see("1 message")
        self.page.press("tr[data-later] button")
        self.page.press("dialog .button", "Cancel")
        self.page.gone("dialog")
        self.page.press("tr[data-later] button")
        self.page.press("dialog .button.danger")
        self.page.see("Nothing is scheduled")
        self.assertEqual(self.call("GET", "/api/later")[1]["later"], [])

    def test_it_goes_at_the_time_of_the_clock_that_was_chosen(self):
        self.made("bob")
        self.page.open("send", "bob")
        self.page.find("[name=content]").send_keys("on the dot")
        self.page.choose("when", "at")
        self.page.paste("at", "2001-02-03T04:05")
        self.page.see("This time has passed")
        due = int(time.time()) + 4 * FACTOR
        local = self.page.run(
            "const at = new Date(arguments[0] * 1000); "
            "return new Date(at - at.getTimezoneOffset() * 60000).toISOString().slice(0, 19)",
            due,
        )
        self.page.paste("at", local)
        self.page.press("[name=send]")
        self.page.find("#results .badge", "Scheduled for")
        self.page.open("later")
        self.page.find("tr[data-later]", "bob")
        message = self.received("bob")[0]
        self.assertEqual(message["content"], "on the dot")
        self.assertGreaterEqual(message["time_us"] / 1e6, due - 0.01)
        self.page.see("Nothing is scheduled")


if __name__ == "__main__":
    unittest.main()
