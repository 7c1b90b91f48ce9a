# SPDX-License-Identifier: Apache-2.0
"""An agent without a persona: what job its calls tell of, and a draft that allows just that."""
import json
import random
import shutil
import unittest

import program
from program import DONE, UNUSABLE, lines, run

JOBS = {
    "librarian": {"tools": [("shelf/find", "read"), ("shelf/lend", "write"), ("shelf/read_card", "read")], "hosts": ["shelf.corp.example"]},
    "cashier": {"tools": [("till/open", "execute"), ("till/pay_out", "transfer"), ("till/read_sum", "read")], "hosts": ["bank.corp.example"]},
    "gardener": {"tools": [("beds/water", "execute"), ("beds/look", "read"), ("store/order", "send")], "hosts": ["seeds.example"]},
}


def persona(name, job):
    actions = "".join(f"  - {{id: a{i}, tools: [\"{tool}\"], effect: {effect}}}\n" for i, (tool, effect) in enumerate(job["tools"]))
    return (f"schema: ringfence/persona/v1\nid: {name}\nversion: \"1\"\njob: Works as a {name}.\nowner: {{team: t, contact: c}}\n"
            f"applies_to: {{agents: [\"{name}-*\"]}}\nactions:\n{actions}destinations: {{hosts: {job['hosts']}}}\n")


def history(agent, job, calls=60, seed=7):
    chance = random.Random(seed)
    for n in range(calls):
        tool, effect = chance.choice(job["tools"])
        server, name = tool.split("/")
        yield program.event(n + 1, agent={"id": agent, "trust": "verified"}, tool={"server": server, "name": name, "effect": effect},
                            session={"id": f"s-{n // 15}"}, args={"n": n}, delegation={"parent": "boss"}, credential={"fingerprint": f"key-{n // 30}"},
                            destination={"host": job["hosts"][0], "account": f"acct-{n % 3}"} if n % 2 else None,
                            outcome={"status": "denied" if n % 20 == 19 else "ok"})


class Shadow(program.Case):
    def setUp(self):
        super().setUp()
        self.jobs = self.dir / "jobs"
        for name, job in JOBS.items():
            self.file(f"jobs/{name}.yaml", persona(name, job))

    def explain(self, agent, *words):
        return run("explain", "--agent", agent, "--state", self.dir / "state", "--personas", self.jobs, *words)

    def test_three_hidden_jobs_are_told_apart_and_a_fourth_is_none_of_them(self):
        odd = {"tools": [("mint/press", "write"), ("mint/melt", "write")], "hosts": ["mint.example"]}
        records = [r for i, (name, job) in enumerate({**JOBS, "odd": odd}.items()) for r in history(f"hidden-{i}", job, seed=i)]
        self.assertEqual(self.replay("--state", self.dir / "state", "-", personas=self.jobs, stdin=lines(*records)).code, DONE)
        for i, name in enumerate(JOBS):
            self.assertIn(f"that is the job {name}@1", self.explain(f"hidden-{i}").out.decode())
        self.assertIn("no known job explains it", self.explain("hidden-3").out.decode())
        self.assertIn("mint/press", self.explain("hidden-3").out.decode())
        self.assertTrue(all(line["level"] == "alert" for line in self.left("verdicts")), "never more than an alert by itself")

    def test_what_is_known_of_it_is_one_line_of_json_where_that_is_asked_for(self):
        self.replay("--state", self.dir / "state", "-", personas=self.jobs, stdin=lines(*history("hidden-1", JOBS["cashier"])))
        told = run("explain", "--agent", "hidden-1", "--state", self.dir / "state", "--personas", self.jobs, "--json")
        self.assertEqual(told.code, DONE, told)
        self.assertEqual(told.out.count(b"\n"), 1)
        known = json.loads(told.out)
        self.assertEqual((known["agent"], known["persona"], known["calls"], known["fits"]), ("hidden-1", None, 60, "cashier@1"))
        self.assertEqual({tool["name"] for tool in known["tools"]}, {tool for tool, _ in JOBS["cashier"]["tools"]})
        self.assertEqual([host["name"] for host in known["hosts"]], ["bank.corp.example"])
        self.assertIn("till/", known["seen"])

    def test_the_draft_validates_and_is_silent_on_its_own_history(self):
        for agent in ("hidden-1", "odd \"name\": #{}[]\n\x1b\u202e é"):
            with self.subTest(agent=agent):
                shutil.rmtree(self.dir / "state", ignore_errors=True)
                records = lines(*history(agent, JOBS["cashier"]))
                self.assertEqual(self.replay("--state", self.dir / "state", "-", personas=self.jobs, stdin=records).code, DONE)
                self.assertIn("agent.unclassified", str(self.left("verdicts")[0]["analytics"]))
                draft = self.dir / "drafts" / "draft.yaml"
                draft.parent.mkdir(exist_ok=True)
                written = self.explain(agent, "--draft", draft)
                self.assertEqual(written.code, DONE, written)
                valid = run("validate", draft.parent)
                self.assertEqual(valid.code, DONE, valid)
                self.assertNotIn(b"error", valid.out + valid.err)
                ended = self.replay("-", personas=draft.parent, stdin=records)
                self.assertEqual(ended.code, DONE, ended)
                self.assertEqual([line for line in self.left("verdicts") if line["analytics"] or line["level"] != "observe"], [])
                self.assertEqual(self.left("findings"), [])

    def test_a_draft_admits_no_name_that_stands_for_others(self):
        starred = {"tools": [("mint/press", "write"), ("mint/**", "write")], "hosts": ["mint.example"]}
        records = [r for agent in ("**", "hidden-9") for r in history(agent, starred)]
        self.assertEqual(self.replay("--state", self.dir / "state", "-", personas=self.jobs, stdin=lines(*records)).code, DONE)
        refused = self.explain("**", "--draft", "-")
        self.assertEqual(refused.code, UNUSABLE, refused)
        self.assertIn(b"would stand for others", refused.err)
        draft = self.explain("hidden-9", "--draft", "-").out.decode()
        self.assertIn('tools: ["mint/press"]', draft)
        self.assertNotIn('"mint/*', draft)
        self.assertIn("they stay undeclared", draft)

    def drafted(self, *records):
        """The draft for agent hidden-9, which validates, and which acts of the records it does not admit."""
        made = [program.event(n, agent={"id": "hidden-9", "trust": "verified"}, **record) for n, record in enumerate(records, 1)]
        shutil.rmtree(self.dir / "state", ignore_errors=True)
        self.assertEqual(self.replay("--state", self.dir / "state", "-", personas=self.jobs, stdin=lines(*made)).code, DONE)
        draft = self.file("drafts/draft.yaml", "")
        self.assertEqual(self.explain("hidden-9", "--draft", draft).code, DONE)
        valid = run("validate", draft.parent)
        self.assertEqual(valid.code, DONE, valid)
        self.assertEqual(self.replay("-", personas=draft.parent, stdin=lines(*made)).code, DONE)
        return draft.read_text(), [line["id"] for line in self.left("verdicts") if line["analytics"]]

    def test_a_host_of_one_label_opens_the_draft_to_no_other(self):
        draft, beyond = self.drafted({"destination": {"host": "ERP"}}, {"destination": {"host": "erp.corp.example"}})
        self.assertIn('destinations: {hosts: ["erp", "erp.corp.example"], external: listed}', draft)
        self.assertNotIn("more places", draft)
        self.assertEqual(beyond, [])

    def test_a_host_that_no_list_can_say_stays_undeclared(self):
        draft, beyond = self.drafted({"destination": {"host": "*"}}, {"destination": {"host": "erp.corp.example"}}, {"destination": {"account": ""}})
        self.assertIn('hosts: ["erp.corp.example"], external: listed}', draft)
        self.assertIn("hosts that no list can say", draft)
        self.assertIn("accounts that are empty", draft)
        self.assertEqual(beyond, ["c-1", "c-3"])

    def test_only_a_full_list_opens_the_draft(self):
        draft, beyond = self.drafted(*({"destination": {"host": f"h{n}.example"}} for n in range(40)))
        self.assertIn("external: any", draft)
        self.assertIn("more places than are kept", draft)
        self.assertEqual(beyond, [])

    def test_a_tool_without_a_server_or_a_name_stays_undeclared(self):
        draft, beyond = self.drafted({"tool": {"server": "git", "name": "get"}}, {"tool": {"name": "put"}}, {"tool": {"name": ""}})
        self.assertIn('tools: ["git/get"]', draft)
        self.assertNotIn('["put"]', draft)
        self.assertIn("named no server", draft)
        self.assertIn("named no tool", draft)
        self.assertEqual(beyond, ["c-2", "c-3"])
        self.assertIn("actions: []", self.drafted({"tool": {"name": "get"}})[0])
        draft, beyond = self.drafted({"tool": {"server": "git", "name": "get"}}, {"tool": {"name": "get"}})
        self.assertNotIn("named no server", draft)
        self.assertEqual(beyond, [], "its name is that of a tool the draft permits")

    def test_a_name_that_no_persona_can_hold_stays_undeclared(self):
        draft, beyond = self.drafted({"tool": {"server": "git", "name": "get"}, "delegation": {"parent": "a\0b"}, "credential": {"fingerprint": "k"}},
                                     {"tool": {"server": "git", "name": "g\0t"}, "destination": {"account": "a\0b"}, "credential": {"fingerprint": "k\0"}})
        self.assertIn('tools: ["git/get"]', draft)
        self.assertNotIn("0000", draft)
        for said in ("used tools with a NUL", "acted for agents with a NUL", "accounts that are empty, hold a NUL"):
            self.assertIn(said, draft)
        self.assertEqual(beyond, ["c-1", "c-2"])

    def test_what_was_only_ever_refused_is_told_apart(self):
        read, grant = {"tool": {"server": "git", "name": "get"}}, {"tool": {"server": "iam", "name": "grant"}, "outcome": {"status": "denied"}}
        other = {"tool": {"server": "iam", "name": "invite"}}
        draft, beyond = self.drafted(*[read] * 30, {**read, "outcome": {"status": "denied"}}, grant, grant, other)
        self.assertIn("6 % of its calls, only ever refused: 2 of 2; strike it out unless the job needs it\n    tools: [\"iam/grant\"]", draft)
        self.assertRegex(draft, r"3 % of its calls\n    tools: \[\"iam/invite\"\]")
        self.assertEqual(draft.count("only ever refused"), 1)
        self.assertEqual(beyond, [])

    def test_a_draft_lets_at_most_half_of_the_calls_be_denied(self):
        for refused in (8, 40):
            denied = {"tool": {"server": "iam", "name": "grant"}, "outcome": {"status": "denied"}}
            draft, beyond = self.drafted(*[{"tool": {"server": "git", "name": "get"}}] * 12, *[denied] * refused)
            self.assertIn("barriers: {denials: 0.50}", draft)
            self.assertEqual("more than any draft allows" in draft, refused == 40)
            self.assertEqual([line for line in beyond if refused == 8], [])

    def test_an_agent_that_its_gateway_bound_to_a_job_is_explained_by_it(self):
        calls = [{**r, "agent": {"id": "z-mail", "trust": "verified", "persona": "cashier"}} for r in history("z-mail", JOBS["cashier"])]
        self.assertEqual(self.replay("--state", self.dir / "state", "-", personas=self.jobs, stdin=lines(*calls)).code, DONE)
        told = self.explain("z-mail")
        self.assertEqual(told.code, DONE, told)
        self.assertIn(b"persona    cashier@1", told.out)

    def test_a_draft_is_only_for_agents_without_a_job(self):
        self.replay("--state", self.dir / "state", "-", personas=self.jobs, stdin=lines(*history("cashier-1", JOBS["cashier"])))
        self.assertEqual(self.explain("cashier-1", "--draft", "-").code, UNUSABLE)
        self.assertEqual(run("explain", "--draft", "-").code, UNUSABLE)


if __name__ == "__main__":
    unittest.main()
