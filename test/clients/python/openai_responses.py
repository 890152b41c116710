from openai import BadRequestError, OpenAI, RateLimitError

import kit


def client(root):
    return OpenAI(base_url=f"{root}/v1", api_key=kit.KEY, max_retries=0)


def ask(root, given, **more):
    return client(root).responses.create(model="sonnet", input=given, **more)


def streamed(root):
    events = list(ask(root, kit.FIRST, stream=True))
    kit.equal("".join(e.delta for e in events if e.type == "response.output_text.delta"), kit.THREE)
    kit.equal(events[-1].response.output_text, kit.THREE)


def multi_turn(root):
    first = ask(root, kit.FIRST)
    kit.equal(ask(root, kit.NEXT, previous_response_id=first.id).output_text, kit.TWO)


def image(root):
    parts = [{"type": "input_text", "text": kit.LOOK}, {"type": "input_image", "image_url": kit.PNG_URL}]
    kit.contains(ask(root, [kit.user(parts)]).output_text, "You sent")


def structured(root):
    answer = client(root).responses.parse(model="sonnet", input="Who?", text_format=kit.Person)
    kit.equal(type(answer.output_parsed), kit.Person)


def tools(root):
    offered = [{"type": "function", **kit.FUNCTION}]
    first = ask(root, kit.CALL, tools=offered)
    (call,) = [item for item in first.output if item.type == "function_call"]
    result = {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}
    second = ask(root, [result], previous_response_id=first.id, tools=offered)
    kit.contains(second.output_text, kit.SUNNY)


def cancel(root):
    stream = ask(root, kit.SLOW, stream=True)
    for event in stream:
        if event.type == "response.output_text.delta":
            break
    stream.close()


kit.run(
    "openai-responses",
    {
        "plain": lambda root: kit.equal(ask(root, kit.FIRST).output_text, kit.THREE),
        "streamed": streamed,
        "multi-turn": multi_turn,
        "image": image,
        "structured": structured,
        "tools": tools,
        "error": lambda root: kit.fails(lambda: ask(root, kit.ODD), BadRequestError, "too odd"),
        "rate-limit": lambda root: kit.fails(lambda: ask(root, kit.LIMITED), RateLimitError),
        "cancel": cancel,
    },
)
