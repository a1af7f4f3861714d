"""The page reads durations as the server does: the examples of both, in a real Chromium."""
import os
import subprocess
import unittest

from page import Browser

SOURCE = os.environ["CAST_SOURCE_DIR"]


def examples():
    with open(os.path.join(SOURCE, "tests", "support", "durations.txt"), encoding="utf-8") as file:
        for line in file.read().splitlines():
            if not line.startswith("#"):
                text, expected = line[1:].rsplit("| ", 1)
                yield text, None if expected == "refused" else int(expected)


class Durations(unittest.TestCase):
    def test_the_page_takes_what_the_server_takes(self):
        module = os.path.join(SOURCE, "broker", "gateway", "web", "lib", "duration.ts")
        script = subprocess.run(
            ["esbuild", module, "--bundle", "--format=iife", "--global-name=page"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        wanted = dict(examples())
        self.assertGreater(len(wanted), 50)
        browser = Browser()
        self.addCleanup(browser.close)
        texts = list(wanted)
        got = browser.run(script + "return arguments[0].map(page.duration);", texts)
        self.assertEqual(dict(zip(texts, got)), wanted)


if __name__ == "__main__":
    unittest.main()
