"""What Locust's users ask of `decnet api`. By hand: STRESS_TOKEN=… locust -f tests/stress/locustfile.py --host http://…

``User``: somebody who looks around, with a pause between two questions. ``Flat``: one question again and again
(STRESS_PATH), without a pause.
"""

import os

from locust import FastHttpUser, between, constant, task

TOKEN = os.environ["STRESS_TOKEN"]


class Asking(FastHttpUser):
    abstract = True

    def ask(self, path, name=None):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        with self.client.get(
            f"/api/v1/{path}", name=name or path, headers=headers, catch_response=True
        ) as answer:
            if answer.status_code != 200:
                answer.failure(f"status {answer.status_code}: {answer.error or answer.text[:200]}")
            elif not answer.content.endswith(b"}"):
                answer.failure(f"cut off after {len(answer.content)} bytes")


class User(Asking):
    wait_time = between(0.5, 1.5)

    @task(4)
    def events(self):
        self.ask("events?limit=50")

    @task(2)
    def attackers(self):
        self.ask("attackers?limit=50")

    @task(2)
    def stats(self):
        self.ask("stats")

    @task(1)
    def histogram(self):
        self.ask("histogram")

    @task(1)
    def of_a_decoy(self):
        number = self.environment.runner.user_count % 200
        self.ask(f"events?limit=50&decoy=web-{number:03}", "events?limit=50&decoy=NAME")


class Flat(Asking):
    wait_time = constant(0)

    @task
    def one(self):
        self.ask(os.environ["STRESS_PATH"])
