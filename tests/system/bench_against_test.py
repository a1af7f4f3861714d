#!/usr/bin/env python3
"""compare.sh --against, with builds whose rigs say what they are told to: which figures are slower, and what it exits
with."""
import json
import os
import subprocess
import sys
import tempfile
import unittest

COMPARE = os.path.join(os.environ["CAST_SOURCE_DIR"], "tests", "bench", "compare.sh")
RIG = """#!/usr/bin/env python3
import json, os, sys
here = os.path.dirname(os.path.abspath(__file__))
with open(here + "/said", "a") as said:
    said.write(" ".join(sys.argv[1:4]) + "\\n")
lines = [json.loads(line) for line in open(here + "/lines")]
line = lines[sum(1 for _ in open(here + "/said")) % len(lines)]
if "fails" in line:
    sys.exit("it broke")
print(json.dumps(line))
"""


class Against(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="cast-test-")
        self.addCleanup(self.folder.cleanup)

    def build(self, name, lines):
        """A build whose rig prints these lines in turn."""
        path = os.path.join(self.folder.name, name)
        os.makedirs(path + "/bin")
        for program in ("rig", "cast-broker"):
            with open(f"{path}/bin/{program}", "w", encoding="utf-8") as file:
                file.write(RIG)
            os.chmod(f"{path}/bin/{program}", 0o755)
        with open(path + "/bin/lines", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        return path

    def compare(self, theirs, ours, rows, *more):
        """The exit code, what it printed, and against.json."""
        out = os.path.join(self.folder.name, "out")
        done = subprocess.run(
            [
                COMPARE,
                "--against",
                self.build("before", theirs),
                "--build",
                self.build("after", ours),
                "--rows",
                rows,
                "--out",
                out,
                *more,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        with open(out + "/against.json", encoding="utf-8") as file:
            return done.returncode, done.stdout + done.stderr, json.load(file)

    def test_worse_by_more_than_5_percent_and_outside_of_the_quartiles_is_slower(self):
        code, text, result = self.compare(
            [{"kmsg_s": v, "lost": 0} for v in (100, 101, 99)], [{"kmsg_s": 94, "lost": 0}], "unicast-16"
        )
        self.assertEqual((code, result["rows"][0]["verdict"]), (1, "slower"), text)
        self.assertIn("slower: unicast-16", text)
        self.assertEqual(len([run for run in result["runs"] if run["of"] == "against"]), 11)

    def test_within_5_percent_is_not_slower(self):
        code, text, result = self.compare([{"kmsg_s": 100}], [{"kmsg_s": 96}], "unicast-16,broadcast")
        self.assertEqual((code, [row["verdict"] for row in result["rows"]]), (0, ["not slower"] * 2), text)

    def test_within_the_quartiles_of_figures_that_scatter_is_not_slower(self):
        code, text, _ = self.compare([{"kmsg_s": v} for v in (60, 100, 140)], [{"kmsg_s": 80}], "unicast-16")
        self.assertEqual(code, 0, text)

    def test_where_less_is_better_more_is_slower(self):
        theirs, ours = [{"p50_us": 50, "p99_us": 90}], [{"p50_us": 60, "p99_us": 70}]
        code, text, result = self.compare(theirs, ours, "oneway-p50,oneway-p99", "--runs", "3")
        self.assertEqual((code, [row["verdict"] for row in result["rows"]]), (1, ["slower", "faster"]), text)
        self.assertEqual(len(result["runs"]), 6)  # both rows read the same runs

    def test_a_run_that_fails_or_loses_messages_is_no_judgement(self):
        for name, line in (("failed", {"fails": 1}), ("lost messages", {"kmsg_s": 100, "lost": 1})):
            with self.subTest(name):
                code, text, _ = self.compare([{"kmsg_s": 100}], [{"kmsg_s": 100}, line], "unicast-16", "--runs", "3")
                self.assertEqual(code, 2, text)
                self.assertIn(name + ": unicast-16, build, run", text)
                self.folder.cleanup()
                os.makedirs(self.folder.name)

    def test_the_builds_take_turns_at_being_the_first(self):
        _, _, result = self.compare([{"kmsg_s": 1}], [{"kmsg_s": 1}], "unicast-16", "--runs", "2")
        self.assertEqual([run["of"] for run in result["runs"]], ["against", "build", "build", "against"])

    def test_all_rows_are_those_of_cast_and_of_the_durable_one(self):
        line = {key: 1 for key in ("kmsg_s", "p50_us", "p99_us", "cpu_s_per_million", "bytes_per_node")}
        code, text, _ = self.compare([line], [line], "", "--runs", "1")
        self.assertEqual(code, 0, text)
        for row in ("unicast-16", "flood-p99", "memory-stored", "synced-100", "lone-p99", "live-100"):
            self.assertIn(row, text)
        with open(os.path.join(self.folder.name, "after", "bin", "said"), encoding="utf-8") as file:
            said = file.read()
        self.assertIn("cast-disk receipts 2000000", said)
        self.assertNotIn("nats", said)

    def test_what_is_no_build_and_what_is_no_row_are_named(self):
        good = self.build("good", [{}])
        for words, why in (
            (["--against", self.folder.name, "--build", good], "has no bin/rig"),
            (["--against", good, "--build", good, "--rows", "nonsense"], "no row nonsense"),
        ):
            done = subprocess.run([COMPARE, *words], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn(why, done.stderr)


if __name__ == "__main__":
    sys.exit(unittest.main())
