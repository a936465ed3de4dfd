#!/usr/bin/env python3
"""PAGE PROGRAM: the page formats without a complaint and says what --help says."""
import re
import shutil
import subprocess
import sys
import unittest

PAGE, PROGRAM = sys.argv[1:3]


def printed(*words):
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=True).stdout


class Man(unittest.TestCase):
    # covers: BASE-4
    def test_the_page_formats_without_a_complaint(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", PAGE], capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        self.assertIn(re.match(r"(?:.*/)?(\S+)\.(\d)$", PAGE)[1], done.stdout)

    # covers: BASE-4
    def test_every_option_of_help_is_in_the_page(self):
        with open(PAGE) as file:
            page = file.read().replace("\\-", "-")
        options = re.findall(r"--([a-z][a-z0-9-]*)", printed("--help"))
        self.assertIn("version", options)
        for option in options:
            self.assertIn("--" + option, page)

    # covers: BASE-4
    def test_the_version_is_name_and_number(self):
        self.assertRegex(printed("--version"), r"^vedette[a-z-]* \d+\.\d+\.\d+\n$")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=0)
