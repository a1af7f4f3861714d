"""Nodes and groups, made, found and deleted by hand."""
import unittest

from page import *
from rawcast import *


class Nodes(PageTest):
    def create(self, name, port=None):
        self.page.press(".button.primary", "Create node")
        self.page.type("node_id", name)
        if port is not None:
            self.page.press("[name=wants_port]")
            self.page.type("port", str(port))
        self.page.press("dialog .button.primary")

    def test_a_first_visit_says_what_to_do(self):
        self.page.open()
        self.page.see("Create your first node")
        self.page.press("a.button", "Create node")
        self.page.see("No nodes yet")
        for screen, words in (
            ("groups", "No groups yet"),
            ("live", "Waiting for messages"),
            ("dead", "dead letters"),
            ("send", "Nothing sent yet"),
        ):
            self.page.open(screen)
            self.page.see(words, "#main")

    def test_nodes_are_created_found_and_deleted(self):
        self.page.open("nodes")
        for name in ("alice", "bob", "alfred"):
            self.create(name)
            self.page.find(f"tr[data-node={name}]")
        self.page.see("3 nodes, 0 active")
        self.assertEqual(self.call("GET", "/api/nodes")[1]["total"], 3)
        self.page.find("input[type=search]").send_keys("al")
        self.page.gone("tr[data-node=bob]")
        self.assertEqual([row.get_attribute("data-node") for row in self.page.all("tbody tr")], ["alfred", "alice"])
        self.page.find("input[type=search]").send_keys("xyz")
        self.page.see("Nothing matches “alxyz”")
        self.page.driver.refresh()
        self.page.press("tr[data-node=bob] button")
        self.page.press("dialog .button", "Cancel")
        self.page.gone("dialog")
        self.page.find("tr[data-node=bob]")
        self.page.press("tr[data-node=bob] button")
        self.page.press("dialog .button.danger")
        self.page.gone("tr[data-node=bob]")
        self.assertEqual(self.call("GET", "/api/nodes/bob")[0], 404)

    def test_a_long_list_is_turned_page_by_page_and_searched(self):
        names = [f"node-{i:03}" for i in range(230)]
        self.control("node.create", names)
        self.page.open("nodes")
        self.page.see("1 to 100 of 230")
        rows = lambda: [row.get_attribute("data-node") for row in self.page.all("tbody tr")]
        self.assertEqual(rows(), names[:100])
        self.assertFalse(self.page.find("[name=earlier]").is_enabled())
        self.page.press("[name=later]")
        self.page.see("101 to 200 of 230")
        self.page.press("[name=later]")
        self.page.see("201 to 230 of 230")
        self.assertEqual(rows(), names[200:])
        self.assertFalse(self.page.find("[name=later]").is_enabled())
        self.page.find("input[type=search]").send_keys("DE-1")
        self.page.see("100 nodes, 0 active")
        self.assertEqual(rows(), names[100:200])
        self.page.gone(".pager")
        self.page.find("input[type=search]").send_keys(Keys.BACKSPACE)
        self.page.see("1 to 100 of 230")
        self.page.press("[name=later]")
        self.page.see("101 to 200 of 230")
        self.control("node.delete", names[100:])  # the page that is looked at is there no more
        self.page.see("100 nodes")
        self.page.wait("the first page", lambda: rows() == names[:100])

    def control(self, op, names):
        with self.broker.peer() as peer:
            peer.say(hello(peer.session))
            peer.expect(WELCOME)
            for name in names:
                peer.say(control({"op": op, "name": name}))
            for name in names:
                self.assertEqual(peer.expect(CONTROL_REPLY)[4:6], bytes(2), name)
            peer.say(frame(BYE))

    def test_a_node_with_a_port_shows_it(self):
        self.page.open("nodes")
        self.create("sensor", port=0)
        self.page.press("tr[data-node=sensor] a")
        port = int(self.page.find("#node-port").text)
        self.assertEqual(port, self.call("GET", "/api/nodes/sensor")[1]["port"])
        self.page.see(f"nc 127.0.0.1 {port}")
        self.page.open("events")
        self.page.find("#events-log li", f"port {port}")
        self.page.open("nodes", "sensor")
        self.page.press(".button.danger", "Delete")
        self.page.press("dialog .button.danger")
        self.page.see("No nodes yet")

    def test_what_cannot_be_is_said_in_the_form(self):
        self.page.open("nodes")
        self.page.press(".button.primary", "Create node")
        self.page.type("node_id", "no/slash")
        self.page.see("Use only letters", "dialog")
        self.assertFalse(self.page.find("dialog .button.primary").is_enabled())
        self.page.type("node_id", "fine")
        self.page.press("[name=wants_port]")
        self.page.type("port", "70000")
        self.page.see("from 0 to 65535", "dialog")
        self.page.type("port", self.broker.http.rsplit(":", 1)[1].strip("/"))  # taken: by this very page
        self.page.press("dialog .button.primary")
        self.page.find("dialog [role=alert]")
        self.page.keys(Keys.ESCAPE)
        self.page.gone("dialog")

    def test_groups_have_members_that_join_and_leave(self):
        self.made("alice", "bob", "carol")
        self.page.open("groups")
        self.page.press(".button.primary", "Create group")
        self.page.type("group_id", "team")
        self.page.add("members", "alice", "bob")
        self.page.press("dialog .button.primary")
        self.page.press("tr[data-group=team] a")
        self.page.find(".chip", "alice")
        self.page.press(".button", "Add members")
        self.page.add("members", "carol")
        self.page.press("dialog .button.primary")
        self.page.find(".chip", "carol")
        self.page.press(".chip button[aria-label='Take bob out']")
        self.page.gone(".chip", "bob")
        self.assertEqual(self.call("GET", "/api/groups/team")[1]["members"], ["alice", "carol"])
        self.page.press(".chip a", "carol")
        self.page.press(".chip button[aria-label='Leave team']")
        self.page.see("In no group")
        self.page.open("groups", "team")
        self.page.press(".button.danger", "Delete")
        self.page.press("dialog .button.danger")
        self.page.see("No groups yet")
        self.page.open("groups", "team")
        self.page.see("There is no group team")

    def test_what_others_change_appears_by_itself(self):
        self.page.open("nodes")
        self.page.see("No nodes yet")
        self.made("from.outside")
        self.page.find("tr[data-node='from.outside']")
        self.page.open("events")
        self.page.find("#events-log li", "from.outside")
        self.call("DELETE", "/api/nodes/from.outside")
        self.page.find("#events-log li", "Deleted")
        self.page.choose("kind", "groups")
        self.page.see("No such events")


if __name__ == "__main__":
    unittest.main()
