"""The page in a real Chromium, for tests: what a person does with it (open, press, type, look), and the API beside it
to prepare and to check. Everything waits for what it wants to see, and never for time to pass. One thread."""
import json
import shutil
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from rawcast import FACTOR, Broker, wait_for

FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars"
).split()
DESKTOP, PHONE = (1280, 900), (390, 844)


class Browser:
    """A Chromium with an empty profile, that looks at the page of `url`."""

    def __init__(self, language="en-US", dark=False):
        self.url = None
        self.folder = tempfile.mkdtemp(prefix="cast-test-")
        options = Options()
        for flag in FLAGS + [f"--user-data-dir={self.folder}/profile", f"--lang={language}"]:
            options.add_argument(flag)
        options.add_experimental_option("prefs", {"intl.accept_languages": language})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.driver.set_script_timeout(60 * FACTOR)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.cdp("Emulation.setEmulatedMedia", features=scheme)
        self.cdp("Emulation.setLocaleOverride", locale=language)
        self.size(DESKTOP)

    def close(self):
        self.driver.quit()
        shutil.rmtree(self.folder, ignore_errors=True)

    def cdp(self, command, **values):
        return self.driver.execute_cdp_cmd(command, values)

    def size(self, size):
        self.cdp(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=size == PHONE,
        )

    def run(self, script, *values):
        return self.driver.execute_script(script, *values)

    # --- Looking ---
    def open(self, *parts):
        """Goes to a screen: open("nodes", "alice")."""
        self.driver.get(self.url + "#/" + "/".join(urllib.parse.quote(part, safe="") for part in parts))
        self.find("h1")

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def find(self, selector, having=None):
        """The first visible element of the selector, whose text has this in it."""
        found = []

        def look():
            for element in self.all(selector):
                try:
                    if element.is_displayed() and (having is None or having in element.text):
                        found.append(element)
                        return True
                except StaleElementReferenceException:
                    pass
            return False

        self.wait(f"{selector} with {having!r}", look)
        return found[0]

    def has(self, selector, having=None):
        return bool(
            self.run(
                """const [selector, having] = arguments;
            return [...document.querySelectorAll(selector)].some((e) => e.getClientRects().length > 0"""
                """ && (having === null || e.innerText.includes(having)))""",
                selector,
                having,
            )
        )

    def see(self, text, within="body"):
        self.wait(f"{text!r} in {within}", lambda: text in self.text(within))

    def gone(self, selector, having=None):
        self.wait(f"{selector} with {having!r} to go", lambda: not self.has(selector, having))

    def text(self, selector="body"):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def wait(self, what, condition):
        """Waits for it; a failure tells what the page shows instead."""
        try:
            wait_for(what, condition, 15)
        except AssertionError as error:
            if "the page shows" in str(error):
                raise
            raise AssertionError(
                f"{error}; the page shows: {self.text()[-2000:]}; it complains: {self.complaints()}"
            ) from None

    def complaints(self):
        """What the page itself got wrong since the last time: exceptions, refused content. Not answers such as 404."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] == "SEVERE" and entry["source"] != "network"
        ]

    def overflows(self):
        """How many pixels the page is wider than its window."""
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    # --- Doing ---
    def press(self, selector, having=None):
        """Clicks the element, as soon as it can be clicked."""

        def click():
            try:
                element = self.find(selector, having)
                self.run("arguments[0].scrollIntoView({block: 'center'})", element)
                element.click()
                return True
            except (ElementClickInterceptedException, ElementNotInteractableException, StaleElementReferenceException):
                return False

        self.wait(f"{selector} with {having!r} to take a click", click)

    def choose(self, name, value):
        """Takes this one of some radio buttons."""
        self.wait(f"the choice {name}", lambda: self.all(f"input[name={name}][value={value}]"))
        self.run("arguments[0].click()", self.all(f"input[name={name}][value={value}]")[0])

    def type(self, name, text):
        """Types into the field of this name, in place of what is there."""
        field = self.find(f"[name={name}]")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(Keys.DELETE)
        field.send_keys(text)

    def paste(self, name, text):
        """Puts text at once where typing would take long; the page hears of it as of typing."""
        self.run(
            """const [name, text] = arguments;
            const field = document.querySelector(`[name=${name}]`);
            const kind = field.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
            Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(field, text);
            field.dispatchEvent(new Event("input", {bubbles: true}));""",
            name,
            text,
        )

    def keys(self, *keys):
        """Types to whatever has the focus."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def add(self, name, *values):
        """Takes names into a field of several."""
        for value in values:
            self.find(f"[name={name}]").send_keys(value, Keys.ENTER)


class PageTest(unittest.TestCase):
    """A broker for each test case, and browsers: a case has them for itself and the next one uses them again, for a
    start takes seconds. What a browser remembers of one broker it does not know of the next, which has another port."""

    idle = {}  # by settings

    def setUp(self):
        self.broker = Broker(http="127.0.0.1:0")
        self.addCleanup(self.end_broker)
        self.page = self.browser()

    def browser(self, **settings):
        kept = self.idle.setdefault(tuple(sorted(settings.items())), [])
        browser = kept.pop() if kept else Browser(**settings)
        browser.url = self.broker.http.rstrip("/") + "/"
        browser.size(DESKTOP)
        browser.complaints()
        self.addCleanup(self.give_back, browser, kept)
        return browser

    def give_back(self, browser, kept):
        complaints = browser.complaints()
        browser.driver.get("about:blank")
        kept.append(browser)
        self.assertEqual(complaints, [])

    @classmethod
    def tearDownClass(cls):
        for browsers in cls.idle.values():
            while browsers:
                browsers.pop().close()

    def end_broker(self):
        self.broker.__exit__(None, None, None)

    def call(self, method, path, body=None):
        """(status, JSON) of a call of the API."""
        request = urllib.request.Request(
            self.broker.http.rstrip("/") + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={} if body is None else {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30 * FACTOR) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def made(self, *names):
        for name in names:
            status, answer = self.call("POST", "/api/nodes", {"node_id": name})
            self.assertIn(status, (200, 201), answer)

    def sent(self, sender, recipients, content, **more):
        status, answer = self.call(
            "POST",
            "/api/send",
            {"cast_type": "unicast", "sender": sender, "recipients": recipients, "content": content, **more},
        )
        self.assertEqual(status, 200, answer)
        return answer

    def received(self, name, count=1):
        """The next messages of a node, acknowledged."""
        status, answer = self.call("POST", f"/api/nodes/{name}/receive?timeout=10s&count={count}&ack=now")
        self.assertEqual(status, 200, answer)
        self.call("DELETE", f"/api/nodes/{name}/receive")
        return answer["messages"]
