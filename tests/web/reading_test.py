"""The page as different people read it: in two languages, light and dark, on a phone, and with the keyboard alone."""
import unittest

from page import *

SCREENS = (
    # fmt: off
    ["overview"], ["nodes"], ["nodes", "alice"], ["groups"], ["groups", "team"], ["send"], ["later"], ["live"],
    ["events"], ["dead"], ["nodes", "missing"], ["groups", "missing"],
    # fmt: on
)


class Reading(PageTest):
    def furnish(self):
        self.made("alice", "bob", "a." + "long-" * 24 + "name")
        self.call("POST", "/api/groups/team/members", {"nodes": ["alice", "bob"]})
        self.sent("bob", ["alice"], "x" * 3000)
        self.sent("bob", ["a." + "long-" * 24 + "name"], "not yet", delay="25h")

    def test_english_and_chinese_can_be_chosen_and_stay(self):
        self.page.open("nodes")
        self.page.see("No nodes yet")
        self.page.choose("language-side", "zh")
        self.page.see("还没有节点")
        self.assertEqual(
            self.page.run("return [document.documentElement.lang, document.title]"), ["zh-CN", "节点 · cast"]
        )
        self.page.driver.refresh()
        self.page.see("还没有节点")
        self.page.choose("language-side", "en")
        self.page.see("No nodes yet")

    def test_a_chinese_browser_is_spoken_to_in_chinese(self):
        page = self.browser(language="zh-CN")
        page.open()
        page.see("创建第一个节点")
        page.press("a.button")
        page.press(".button.primary")
        page.type("node_id", "订单")
        page.see("只能使用字母", "dialog")
        page.type("node_id", "orders")
        page.press("dialog .button.primary")
        page.see("1 个节点")
        page.open("send", "nobody")
        page.find("[name=content]").send_keys("你好")
        page.press("[name=send]")
        page.see("没有这个节点")

    def test_no_screen_speaks_english_in_chinese(self):
        self.furnish()
        page = self.browser(language="zh")
        for screen in SCREENS:
            page.open(*screen)
            self.page.wait("the screen", lambda: not page.has(".empty[role=status]"))
            for word in ("The ", "There ", "Create", "Delete", "Nothing", "Nodes", "Messages"):
                self.assertNotIn(word, page.text(), screen)

    def test_light_and_dark_follow_the_system_until_chosen(self):
        ground = "return getComputedStyle(document.body).backgroundColor"
        self.page.open()
        light = self.page.run(ground)
        dark = self.browser(dark=True)
        dark.open()
        self.assertNotEqual(light, dark.run(ground))
        self.page.choose("theme-side", "dark")
        self.assertEqual(self.page.run(ground), dark.run(ground))
        self.page.driver.refresh()
        self.page.find("h1")
        self.assertEqual(self.page.run(ground), dark.run(ground))

    def test_every_screen_fits_a_phone(self):
        self.furnish()
        self.page.size(PHONE)
        for screen in SCREENS:
            self.page.open(*screen)
            self.page.wait("the screen", lambda: not self.page.has(".empty[role=status]"))
            self.assertLessEqual(self.page.overflows(), 0, screen)
        self.page.press(".bottom a", "Nodes")
        self.page.see("3 nodes")
        self.page.press(".bottom button", "More")
        self.page.press("dialog .links a", "Events")
        self.page.find("#events-log li")
        self.assertFalse(self.page.has("dialog"))
        small = self.page.run(
            """return [...document.querySelectorAll('.bottom a, .bottom button')]
            .filter((e) => e.getBoundingClientRect().height < 44).length"""
        )
        self.assertEqual(small, 0)

    def test_the_keyboard_is_enough(self):
        self.page.open("overview")
        self.page.keys(Keys.TAB)
        self.assertEqual(self.page.driver.switch_to.active_element.text, "Skip to the content")
        for _ in range(3):  # the mark, Overview, Nodes
            self.page.keys(Keys.TAB)
        self.page.keys(Keys.ENTER)
        self.page.see("No nodes yet")
        # The heading: reading goes on there.
        self.assertEqual(self.page.run("return document.activeElement.innerText"), "Nodes")
        self.page.keys(Keys.TAB, Keys.TAB, Keys.ENTER)  # search, Create node
        self.page.find("dialog")
        self.page.keys("typed", Keys.ENTER)
        self.page.find("tr[data-node=typed]")
        self.page.gone("dialog")
        self.page.keys(Keys.ENTER)  # the focus came back to the button
        self.page.find("dialog")
        self.page.keys(Keys.ESCAPE)
        self.page.gone("dialog")

    def test_everything_that_can_be_used_has_a_name(self):
        self.furnish()
        for screen in SCREENS:
            self.page.open(*screen)
            self.page.wait("the screen", lambda: not self.page.has(".empty[role=status]"))
            nameless = self.page.run(
                """return [...document.querySelectorAll('button, a, input, select, textarea, canvas, meter')]
                .filter((e) => !(e.innerText?.trim() || e.textContent.trim() || e.getAttribute('aria-label')"""
                """ || e.labels?.length))
                .map((e) => e.outerHTML)"""
            )
            self.assertEqual(nameless, [], screen)


if __name__ == "__main__":
    unittest.main()
