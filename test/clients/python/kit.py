"""Runs the cases of one client, and prints a line of JSON for each."""

import json
import os
import sys
import traceback

from pydantic import BaseModel

KEY = os.environ["CLAUDEWAY_KEY"]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PNG_URL = f"data:image/png;base64,{PNG}"
FIRST = "[[words 3]]"
THREE = "word1 word2 word3"
NEXT = "[[words 2]]"
TWO = "word1 word2"
ADA = '[[{"tool": "StructuredOutput", "input": {"name": "Ada"}}]]'
CALL = '[[tools [{"tool": "weather", "input": {"city": "Rome"}}]]]'
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
FUNCTION = {"name": "weather", "description": "The weather.", "parameters": CITY}
SUNNY = "weather answered: sunny"
LOOK = "What is this?"
SLOW = "[[slow 50]] [[words 2000]]"
ODD = "[[fail 400 too odd]]"
LIMITED = "[[fail 429 slow down]]"


class Person(BaseModel):
    name: str


def user(content):
    return {"role": "user", "content": content}


def assistant(content):
    return {"role": "assistant", "content": content}


def equal(found, wanted):
    if found != wanted:
        raise AssertionError(f"expected {wanted!r}, got {found!r}")


def contains(text, part):
    if part not in text:
        raise AssertionError(f"expected {part!r} in {text!r}")


def fails(call, kind, *parts):
    """The call must raise an error of that kind that says all parts."""
    try:
        call()
    except kind as error:
        for part in parts:
            contains(str(error), part)
        return error
    raise AssertionError(f"expected {kind.__name__}")


def run(client, cases):
    """Each case gets an address of its own, so that its requests are told apart."""
    for name, case in cases.items():
        root = f"{os.environ['CLAUDEWAY_URL']}/{client}/{name}"
        try:
            case(root)
            line = {"case": name, "error": None}
        except BaseException:
            line = {"case": name, "error": traceback.format_exc()}
        print("RESULT " + json.dumps(line), flush=True)
    sys.exit(0)
