import sys

import litellm

import kit

KIND = sys.argv[1]
PREFIX, PATH = {"litellm-openai": ("openai", "/v1"), "litellm-anthropic": ("anthropic", "")}[KIND]


def ask(root, *messages, **more):
    return litellm.completion(
        model=f"{PREFIX}/sonnet",
        api_base=root + PATH,
        api_key=kit.KEY,
        messages=list(messages),
        num_retries=0,
        max_retries=0,
        **more,
    )


def text(answer):
    return answer.choices[0].message.content


def streamed(root):
    chunks = ask(root, kit.user(kit.FIRST), stream=True)
    kit.equal("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), kit.THREE)


def multi_turn(root):
    said = text(ask(root, kit.user(kit.FIRST)))
    kit.equal(text(ask(root, kit.user(kit.FIRST), kit.assistant(said), kit.user(kit.NEXT))), kit.TWO)


def image(root):
    parts = [{"type": "text", "text": kit.LOOK}, {"type": "image_url", "image_url": {"url": kit.PNG_URL}}]
    kit.contains(text(ask(root, kit.user(parts))), "You sent")


def structured(root):
    kit.contains(text(ask(root, kit.user("Who?"), response_format=kit.Person)), "name")


def tools(root):
    offered = [{"type": "function", "function": kit.FUNCTION}]
    message = ask(root, kit.user(kit.CALL), tools=offered).choices[0].message
    (call,) = message.tool_calls
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    kit.contains(text(ask(root, kit.user(kit.CALL), message, result, tools=offered)), kit.SUNNY)


def cancel(root):
    stream = ask(root, kit.user(kit.SLOW), stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    stream.completion_stream.close() if hasattr(stream.completion_stream, "close") else None


kit.run(
    KIND,
    {
        "plain": lambda root: kit.equal(text(ask(root, kit.user(kit.FIRST))), kit.THREE),
        "streamed": streamed,
        "multi-turn": multi_turn,
        "image": image,
        "structured": structured,
        "tools": tools,
        "error": lambda root: kit.fails(
            lambda: ask(root, kit.user(kit.ODD)), litellm.BadRequestError, "too odd"
        ),
        "rate-limit": lambda root: kit.fails(
            lambda: ask(root, kit.user(kit.LIMITED)), litellm.RateLimitError
        ),
        "cancel": cancel,
    },
)
