from openai import AuthenticationError, BadRequestError, OpenAI, RateLimitError

import kit


def client(root, key=kit.KEY):
    return OpenAI(base_url=f"{root}/v1", api_key=key, max_retries=0)


def ask(root, *messages, **more):
    return client(root).chat.completions.create(model="sonnet", messages=list(messages), **more)


def text(answer):
    return answer.choices[0].message.content


def streamed(root):
    stream = ask(root, kit.user(kit.FIRST), stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    kit.equal("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), kit.THREE)
    kit.equal(chunks[-1].usage.completion_tokens, 3)


def multi_turn(root):
    said = text(ask(root, kit.user(kit.FIRST)))
    kit.equal(text(ask(root, kit.user(kit.FIRST), kit.assistant(said), kit.user(kit.NEXT))), kit.TWO)


def image(root):
    parts = [{"type": "text", "text": kit.LOOK}, {"type": "image_url", "image_url": {"url": kit.PNG_URL}}]
    kit.contains(text(ask(root, kit.user(parts))), "You sent")


def structured(root):
    answer = client(root).chat.completions.parse(
        model="sonnet", messages=[kit.user("Who?")], response_format=kit.Person
    )
    kit.equal(type(answer.choices[0].message.parsed), kit.Person)


def tools(root):
    offered = [{"type": "function", "function": kit.FUNCTION}]
    message = ask(root, kit.user(kit.CALL), tools=offered).choices[0].message
    (call,) = message.tool_calls
    kit.equal(call.function.arguments, '{"city":"Rome"}')
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    kit.contains(text(ask(root, kit.user(kit.CALL), message, result, tools=offered)), kit.SUNNY)


def error(root):
    failure = kit.fails(lambda: ask(root, kit.user(kit.ODD)), BadRequestError, "too odd")
    kit.equal(failure.type, "invalid_request_error")
    wrong = client(root, "sk-wrong")
    failure = kit.fails(lambda: list(wrong.models.list()), AuthenticationError)
    kit.equal(failure.code, "invalid_api_key")


def rate_limit(root):
    failure = kit.fails(lambda: ask(root, kit.user(kit.LIMITED)), RateLimitError)
    kit.equal(failure.code, "rate_limit_exceeded")
    kit.equal(failure.response.headers["retry-after"], "10")


def cancel(root):
    stream = ask(root, kit.user(kit.SLOW), stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    stream.close()


kit.run(
    "openai-chat",
    {
        "plain": lambda root: kit.equal(text(ask(root, kit.user(kit.FIRST))), kit.THREE),
        "streamed": streamed,
        "multi-turn": multi_turn,
        "image": image,
        "structured": structured,
        "tools": tools,
        "error": error,
        "rate-limit": rate_limit,
        "cancel": cancel,
    },
)
