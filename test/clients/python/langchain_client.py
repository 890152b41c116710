import sys

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

import kit

KINDS = {
    "langchain-openai": lambda root: ChatOpenAI(
        model="sonnet", base_url=f"{root}/v1", api_key=kit.KEY, max_retries=0
    ),
    "langchain-anthropic": lambda root: ChatAnthropic(
        model="sonnet", base_url=root, api_key=kit.KEY, max_retries=0, max_tokens=1024
    ),
}
KIND = sys.argv[1]
model = KINDS[KIND]


def plain(root):
    kit.equal(model(root).invoke(kit.FIRST).content, kit.THREE)


def streamed(root):
    kit.equal("".join(chunk.text for chunk in model(root).stream(kit.FIRST)), kit.THREE)


def multi_turn(root):
    chat = [HumanMessage(kit.FIRST)]
    chat += [model(root).invoke(chat), HumanMessage(kit.NEXT)]
    kit.equal(model(root).invoke(chat).content, kit.TWO)


def image(root):
    parts = [{"type": "text", "text": kit.LOOK}, {"type": "image_url", "image_url": {"url": kit.PNG_URL}}]
    kit.contains(model(root).invoke([HumanMessage(parts)]).content, "You sent")


def structured(root):
    kit.equal(type(model(root).with_structured_output(kit.Person).invoke("Who?")), kit.Person)


@tool
def weather(city: str) -> str:
    """The weather."""
    return "sunny"


def tools(root):
    bound = model(root).bind_tools([weather])
    chat = [HumanMessage(kit.CALL)]
    called = bound.invoke(chat)
    (call,) = called.tool_calls
    chat += [called, ToolMessage(weather.invoke(call["args"]), tool_call_id=call["id"])]
    kit.contains(bound.invoke(chat).text, kit.SUNNY)


def cancel(root):
    stream = model(root).stream(kit.SLOW)
    for chunk in stream:
        if chunk.text:
            break
    stream.close()


kit.run(
    KIND,
    {
        "plain": plain,
        "streamed": streamed,
        "multi-turn": multi_turn,
        "image": image,
        "structured": structured,
        "tools": tools,
        "error": lambda root: kit.fails(lambda: model(root).invoke(kit.ODD), Exception, "too odd"),
        "rate-limit": lambda root: kit.fails(lambda: model(root).invoke(kit.LIMITED), Exception, "429"),
        "cancel": cancel,
    },
)
