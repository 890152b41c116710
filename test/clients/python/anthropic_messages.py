from anthropic import Anthropic, AuthenticationError, BadRequestError, RateLimitError

import kit


def client(root, key=kit.KEY):
    return Anthropic(base_url=root, api_key=key, max_retries=0)


def ask(root, *messages, **more):
    return client(root).messages.create(model="sonnet", max_tokens=1024, messages=list(messages), **more)


def text(answer):
    return answer.content[0].text


def streamed(root):
    with client(root).messages.stream(model="sonnet", max_tokens=9, messages=[kit.user(kit.FIRST)]) as stream:
        kit.equal("".join(stream.text_stream), kit.THREE)
        kit.equal(stream.get_final_message().usage.output_tokens, 3)


def multi_turn(root):
    said = ask(root, kit.user(kit.FIRST)).content
    kit.equal(text(ask(root, kit.user(kit.FIRST), kit.assistant(said), kit.user(kit.NEXT))), kit.TWO)


def image(root):
    source = {"type": "base64", "media_type": "image/png", "data": kit.PNG}
    parts = [{"type": "text", "text": kit.LOOK}, {"type": "image", "source": source}]
    kit.contains(text(ask(root, kit.user(parts))), "You sent")


def structured(root):
    answer = client(root).messages.parse(
        model="sonnet", max_tokens=1024, messages=[kit.user("Who?")], output_format=kit.Person
    )
    kit.equal(type(answer.parsed_output), kit.Person)


def tools(root):
    offered = [{"name": "weather", "description": "The weather.", "input_schema": kit.CITY}]
    first = ask(root, kit.user(kit.CALL), tools=offered)
    kit.equal(first.stop_reason, "tool_use")
    (call,) = [block for block in first.content if block.type == "tool_use"]
    result = kit.user([{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}])
    second = ask(root, kit.user(kit.CALL), kit.assistant(first.content), result, tools=offered)
    kit.contains(text(second), kit.SUNNY)


def error(root):
    kit.fails(lambda: ask(root, kit.user(kit.ODD)), BadRequestError, "too odd", "invalid_request_error")
    kit.fails(lambda: list(client(root, "sk-wrong").models.list()), AuthenticationError)


def rate_limit(root):
    failure = kit.fails(lambda: ask(root, kit.user(kit.LIMITED)), RateLimitError)
    kit.equal(failure.response.headers["retry-after"], "10")


def cancel(root):
    stream = ask(root, kit.user(kit.SLOW), stream=True)
    for event in stream:
        if event.type == "content_block_delta":
            break
    stream.close()


kit.run(
    "anthropic",
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
