"""Instructor: Pydantic models out, by tools and by schema, and another try where a validator says no."""

import asyncio
import unittest
from typing import Literal

import instructor
import openai
from pydantic import BaseModel, ConfigDict, Field, field_validator
from served import BASE, KEY, MODEL, TOOLS_MODEL

CHAT = [{"role": "user", "content": "Who went into the ark?"}]


class Guest(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["ox", "raven", "dove"]
    pairs: int = Field(ge=1, le=7)
    clean: bool


def client(mode, asynchronous=False):
    kind = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    return instructor.from_openai(kind(base_url=BASE, api_key=KEY, max_retries=0, timeout=120), mode=mode)


class Models(unittest.TestCase):
    def test_objects_come_at_the_first_try_in_each_mode(self):
        for mode, model in (
            (instructor.Mode.TOOLS, MODEL),
            (instructor.Mode.JSON_SCHEMA, MODEL),
        ):
            for seed in range(3):
                guest = client(mode).create(
                    model=model, messages=CHAT, response_model=Guest, max_retries=0, max_tokens=150, seed=seed
                )
                self.assertIsInstance(guest, Guest)

    def test_what_a_validator_refuses_is_asked_for_again(self):
        for mode, model in (
            (instructor.Mode.TOOLS, TOOLS_MODEL),
            (instructor.Mode.JSON_SCHEMA, TOOLS_MODEL),
        ):
            refused = []

            class Third(Guest):
                @field_validator("pairs")
                @classmethod
                def not_at_once(cls, value):
                    if len(refused) < 2:
                        refused.append(value)
                        raise ValueError("look again")
                    return value

            guest = client(mode).create(
                model=model, messages=CHAT, response_model=Third, max_retries=3, max_tokens=150, seed=5
            )
            self.assertIsInstance(guest, Third)
            self.assertEqual(len(refused), 2)

    def test_objects_that_are_under_way_can_be_watched(self):
        seen = list(
            client(instructor.Mode.TOOLS).create_partial(
                model=MODEL, messages=CHAT, response_model=Guest, max_tokens=150, seed=7
            )
        )
        self.assertGreater(len(seen), 1)
        Guest.model_validate(seen[-1].model_dump())

    def test_asynchronous_requests(self):
        async def ask():
            asker = client(instructor.Mode.TOOLS, asynchronous=True)
            return await asyncio.gather(
                *(asker.create(model=MODEL, messages=CHAT, response_model=Guest, max_tokens=150, seed=n) for n in range(4))
            )

        self.assertTrue(all(isinstance(guest, Guest) for guest in asyncio.run(ask())))


if __name__ == "__main__":
    unittest.main()
