import instructor
from anthropic import Anthropic
from openai import OpenAI

import kit


def create(client, **more):
    return client.chat.completions.create(
        model="sonnet", response_model=kit.Person, messages=[kit.user(kit.ADA)], max_retries=1, **more
    )


def openai_in(mode):
    def case(root):
        base = OpenAI(base_url=f"{root}/v1", api_key=kit.KEY, max_retries=0)
        kit.equal(create(instructor.from_openai(base, mode=mode)).name, "Ada")

    return case


def anthropic_in(mode):
    def case(root):
        base = Anthropic(base_url=root, api_key=kit.KEY, max_retries=0)
        kit.equal(create(instructor.from_anthropic(base, mode=mode), max_tokens=1024).name, "Ada")

    return case


def partial(root):
    base = OpenAI(base_url=f"{root}/v1", api_key=kit.KEY, max_retries=0)
    client = instructor.from_openai(base)
    stream = client.chat.completions.create_partial(
        model="sonnet", response_model=kit.Person, messages=[kit.user(kit.ADA)]
    )
    kit.equal(list(stream)[-1].name, "Ada")


def error(root):
    base = OpenAI(base_url=f"{root}/v1", api_key="sk-wrong", max_retries=0)
    kit.fails(lambda: create(instructor.from_openai(base)), Exception, "unknown key")


kit.run(
    "instructor",
    {
        "structured": openai_in(instructor.Mode.TOOLS),
        "structured-json": openai_in(instructor.Mode.JSON),
        "structured-json-schema": openai_in(instructor.Mode.JSON_SCHEMA),
        "structured-anthropic": anthropic_in(instructor.Mode.ANTHROPIC_TOOLS),
        "structured-streamed": partial,
        "error": error,
    },
)
