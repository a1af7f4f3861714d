"""A page that stays open: over a restart of the broker, and for as long as a day."""
import signal
import unittest

from page import *

# A WebSocket that says what the broker would say in so many hours, as fast as the page takes it.
DAY = """
class Told extends EventTarget {
  static OPEN = 1;
  readyState = 0;
  constructor() { super(); setTimeout(() => { this.readyState = 1; this.onopen(); window.told = this; }); }
  send() {}
  close() {}
}
window.WebSocket = Told;
window.second = 0;
window.pass = async (seconds, status) => {
  for (let n = 0; n < seconds; n += 1) {
    window.second += 1;
    status.time_us = 1.7e15 + window.second * 1e6;
    status.messages.queued = Math.round(500 + 400 * Math.sin(window.second / 30));
    const say = (words) => window.told.onmessage({ data: JSON.stringify(words) });
    say({ type: "status", status });
    if (n % 5 === 0) say({ type: "presence", event: { event: "online", node: "n" + n % 97, time_us: status.time_us } });
    if (n % 20 === 0) await new Promise(requestAnimationFrame);
  }
};
"""


class Lasting(PageTest):
    def restart(self):
        address = self.broker.http.split("//")[1].strip("/")
        self.broker.__exit__(None, None, None)
        self.page.find("#lost", "The broker cannot be reached")
        self.assertTrue(self.page.has("#lost .linky", "Try now"))
        self.broker = Broker(http=address)

    def test_the_page_survives_a_restart_of_the_broker(self):
        self.made("before")
        self.page.open("nodes")
        self.page.find("tr[data-node=before]")
        self.restart()
        self.made("after")
        self.page.gone("#lost")
        self.page.find("tr[data-node=after]")
        self.page.gone("tr[data-node=before]")
        self.page.see("The broker was started anew")
        # Every screen is alive: the log flows, the console comes back by itself.
        self.page.open("nodes", "after")
        self.page.choose("view", "console")
        self.page.press("#node-console .button", "Begin")
        self.page.find(".badge", "Receiving")
        self.restart()
        self.made("after")
        self.page.gone("#lost")
        self.page.find(".badge", "Receiving")
        self.sent("alice", ["after"], "still there?")
        self.page.find(".bubble", "still there?")

    def test_the_live_log_goes_on_after_a_restart(self):
        self.page.open("live")
        self.page.see("Every message is shown")
        self.restart()
        self.page.gone("#lost")
        self.made("bob")

        def passes():
            self.sent("alice", ["bob"], "after the restart")
            return self.page.has("#live-log li", "after the restart")

        self.page.wait("the log to go on", passes)

    def test_a_broker_that_stands_still_is_noticed(self):
        self.page.open("overview")
        self.page.find("#link-state[data-state=open]")
        self.broker.process.send_signal(signal.SIGSTOP)
        self.page.find("#lost")
        self.broker.process.send_signal(signal.SIGCONT)
        self.page.gone("#lost")

    def test_a_day_costs_no_more_than_its_first_minutes(self):
        status = self.call("GET", "/api/status")[1]
        script = self.page.cdp("Page.addScriptToEvaluateOnNewDocument", source=DAY)["identifier"]
        self.addCleanup(lambda: self.page.cdp("Page.removeScriptToEvaluateOnNewDocument", identifier=script))
        self.page.open("overview")
        self.page.wait("the connection", lambda: self.page.run("return window.told !== undefined"))
        self.page.driver.set_script_timeout(120)

        def measured(seconds):
            took = self.page.driver.execute_async_script(
                """const [seconds, status, done] = arguments;
                const begin = performance.now();
                window.pass(seconds, status).then(() => done(performance.now() - begin));""",
                seconds,
                status,
            )
            self.page.cdp("HeapProfiler.collectGarbage")
            metrics = {metric["name"]: metric["value"] for metric in self.page.cdp("Performance.getMetrics")["metrics"]}
            return took / seconds, metrics["JSHeapUsedSize"], metrics["Nodes"]

        self.page.cdp("Performance.enable")
        measured(2400)  # the first 40 minutes: everything is full then
        ms, heap, nodes = measured(1200)
        for _ in range(4):
            self.page.open("nodes")  # screens come and go, and take their charts with them
            self.page.open("overview")
        later_ms, scheduled_heap, scheduled_nodes = measured(6000)
        print(
            f"per second {ms:.2f} -> {later_ms:.2f} ms, heap {heap / 1e6:.1f} -> {scheduled_heap / 1e6:.1f} MB, "
            f"DOM nodes {nodes} -> {scheduled_nodes}"
        )
        self.assertLess(scheduled_heap, heap * 1.2 + 2e6)
        self.assertLess(scheduled_nodes, nodes * 1.2 + 200)
        self.assertLess(later_ms, ms * 2 + 2)


if __name__ == "__main__":
    unittest.main()
