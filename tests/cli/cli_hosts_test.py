# SPDX-License-Identifier: Apache-2.0
"""Hosts as people write them."""
import program
from program import DONE, event, lines


class Capitals(program.Case):
    def test_an_internal_host_of_the_settings_is_one_in_capitals_too(self):
        self.file("personas/watched.yaml", program.WATCHED.replace("{external: any}", "{external: none}"))
        for number, written in enumerate(("**.corp.example", "**.Corp.Example")):
            with self.subTest(written=written):
                settings = self.file("settings.yaml", f'internal_hosts: ["{written}"]\n')
                ended = self.replay("--config", settings, personas=self.dir / "personas", stdin=lines(
                    event(number, agent={"id": "watched-1", "trust": "verified"}, destination={"host": "mail.CORP.example"})))
                self.assertEqual(ended.code, DONE, ended)
                self.assertEqual([verdict["analytics"] for verdict in self.left("verdicts")], [[]])
