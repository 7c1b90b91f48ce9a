# SPDX-License-Identifier: Apache-2.0
"""The report of a finding as a reader sees it: in a real browser, at the width of a desk and of a telephone, with a hostile agent in it."""
import gzip
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import browser  # noqa: E402
import program  # noqa: E402

RED, BLUE, GREEN = (0xb3, 0x26, 0x1e), (0x1f, 0x5f, 0xbf), (0x2e, 0x7d, 0x4f)
HOSTILE = "\"'></td></title><script>document.body.id='ran'</script><img src=x onerror=\"document.body.id='ran'\">"
AGENT = "code-4"


def inside(place, box, slack=1):
    return box[0] - slack <= place[0] <= box[2] + slack and box[1] - slack <= place[1] <= box[3] + slack


@unittest.skipUnless(browser.installed(), "no chromium is installed")
class ReportPage(program.Case):
    def page(self):
        """A halt of the example fleet whose refused calls have hostile ids."""
        records = []
        for line in gzip.decompress((program.SOURCE / "config/fleet/telemetry.ndjson.gz").read_bytes()).splitlines():
            record = json.loads(line)
            if record.get("agent", {}).get("id") != AGENT:
                continue
            if record.get("outcome", {}).get("status") == "denied":
                record["id"] = HOSTILE + record["id"]
            records.append(record)
        events = self.file("events.ndjson", program.lines(*records))
        personas = program.SOURCE / "config/personas"
        self.replay(events, personas=personas)
        uid = next(f["finding_info"]["uid"] for f in self.left("findings") if f["metadata"]["event_code"] == "halt")
        made = program.run("report", self.dir / "findings", "--uid", uid, "--personas", personas, "--events", events, "-o", self.dir / "page.html")
        self.assertEqual((made.code, made.err), (program.DONE, b""), made)
        self.assertTrue(b"onerror" in (self.dir / "page.html").read_bytes(), "the hostile ids are on the page, as text")
        return self.dir / "page.html"

    def setUp(self):
        super().setUp()
        self.path = self.page()
        self.browser = browser.Browser()
        self.addCleanup(self.browser.close)

    def quiet(self):
        self.assertEqual(self.browser.messages, [], "nothing on the console, no error, no blocked script")
        self.assertEqual(self.browser.requests, [f"file://{self.path}"], "nothing but the page is asked for")
        self.assertEqual(self.browser.value("document.body.id"), "", "no script of the page ran")
        self.assertEqual(self.browser.value("document.querySelectorAll('script, img, iframe, link, object').length"), 0)
        self.assertTrue("<script>document" in self.browser.value("document.body.innerText"), "a reader sees what was sent")

    def badge_and_curve(self, width):
        """The level in its colour and the curve in its box; gives the picture."""
        level, curve = self.browser.boxes("#level")[0], self.browser.boxes("svg#curve")[0]
        self.assertEqual(self.browser.value("document.querySelector('#level').textContent"), "halt")
        for box in (level, curve):
            self.assertTrue(0 <= box[0] < box[2] <= width, f"{box} is on a page {width} wide")
        bottom = max(box[3] for box in [curve, *self.browser.boxes("#bars .bar i")])
        picture = self.browser.picture(width, int(bottom) + 4)
        badge = sum(inside(place, level) for place in picture.where(RED))
        self.assertGreater(badge, .5 * (level[2] - level[0]) * (level[3] - level[1]), "the badge is red")
        blue = list(picture.where(BLUE, within=40))
        self.assertGreater(len(blue), 100 * width / 1000, "the curve is drawn")
        outside = [place for place in blue if not inside(place, curve)]
        self.assertEqual(outside, [], "and nothing else is of its colour")
        xs = [x for x, _ in blue]
        self.assertGreater(max(xs) - min(xs), .5 * (curve[2] - curve[0]), "from the first call to the last")
        return picture

    def test_at_a_desk(self):
        self.browser.open(self.path, 1000)
        picture = self.badge_and_curve(1000)
        bars = [box for box in self.browser.boxes("#bars .bar i:not(.minus)") if box[2] - box[0] >= 3]
        self.assertTrue(bars)
        for colour, boxes in ((RED, bars), (GREEN, self.browser.boxes("#bars .bar i.minus"))):
            places = list(picture.where(colour))
            for box in boxes:
                filled = sum(inside(place, box) for place in places)
                self.assertGreater(filled, .6 * (box[2] - box[0]) * (box[3] - box[1]), f"the bar at {box} is filled")
        widest = max(bars, key=lambda box: box[2] - box[0])
        self.assertAlmostEqual(widest[2] - widest[0], max(b[2] - b[0] for b in self.browser.boxes("#bars .bar")), delta=2)
        order = [self.browser.boxes(f"#{name}")[0][1] for name in ("sentence", "curve", "bars", "calls", "persona", "reproduce")]
        self.assertEqual(order, sorted(order), "sentence first, then the arithmetic, then the calls")
        self.quiet()

    def test_on_a_telephone(self):
        self.browser.open(self.path, 360)
        self.badge_and_curve(360)
        self.assertLessEqual(self.browser.value("document.documentElement.scrollWidth"), 360, "the page does not scroll sideways")
        self.assertLessEqual(self.browser.ask("Page.getLayoutMetrics")["cssContentSize"]["width"], 360)
        self.quiet()

    def test_what_a_plain_dump_shows(self):
        """Loaded once more by the program alone, as a mail scanner would."""
        dumped = subprocess.run([browser.installed(), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                                 f"--user-data-dir={self.dir / 'profile'}", "--dump-dom", f"file://{self.path}"], capture_output=True, timeout=120,
                                check=True).stdout.decode()
        self.assertFalse("<script" in dumped or "id=\"ran\"" in dumped)
        for landmark in ("id=\"level\"", "id=\"curve\"", "id=\"bars\"", "id=\"differ\"", "id=\"reproduce\""):
            self.assertTrue(landmark in dumped, landmark)


if __name__ == "__main__":
    unittest.main()
