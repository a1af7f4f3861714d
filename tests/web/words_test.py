"""The tables of words: both languages say the same things, and the page names no word that they lack."""
import os
import re
import subprocess
import unittest

WEB = os.path.join(os.environ["CAST_SOURCE_DIR"], "broker", "gateway", "web")


def words(language):
    with open(os.path.join(WEB, "lib", language + ".ts"), encoding="utf-8") as file:
        return dict(re.findall(r'^  "([a-z_.0-9]+)":\s+"(.*)",$', file.read(), re.MULTILINE))


class Words(unittest.TestCase):
    def test_both_languages_have_the_same_words_and_values(self):
        english, chinese = words("en"), words("zh")
        self.assertGreater(len(english), 200)
        self.assertEqual(list(english), list(chinese))
        for key, text in english.items():
            values = lambda said: set(re.findall(r"\{(\w+)\}", said))
            self.assertEqual(values(text), values(chinese[key]), key)
            if not key.startswith("nav.language") and re.search("[A-Za-z]{4}", re.sub("{.*?}", "", text)):
                self.assertRegex(chinese[key], "[\u4e00-\u9fff]", key)

    def test_every_word_is_used(self):
        sources = ""
        for folder, _, names in os.walk(WEB):
            for name in names:
                if name.endswith((".ts", ".tsx")) and name not in ("en.ts", "zh.ts"):
                    with open(os.path.join(folder, name), encoding="utf-8") as file:
                        sources += file.read()
        made = ("cast.", "code.", "event.", "send.cast.", "send.priority.", "send.reached.")  # names put together
        unused = [key for key in words("en") if f'"{key}"' not in sources and not key.startswith(made)]
        self.assertEqual(unused, [])

    def test_the_types_are_right(self):
        done = subprocess.run([os.path.join(WEB, "build.sh"), "--check"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main()
