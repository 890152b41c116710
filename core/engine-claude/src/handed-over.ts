import type { PreToolUseHookInput } from "@anthropic-ai/claude-agent-sdk";
import type { CallAnswer } from "@claudeway/ports";
import { type ClientCall, isObject } from "@claudeway/schemas";
import type { CallMessages } from "./messages.js";

/** How long the end of a message with calls of client tools is waited for, in ms: other calls in it may be long. */
const MESSAGE_END_MS = 600_000;
/** How many calls a turn can end with, and how many characters all that the CLI says of them may have, as JSON. */
const MAX_CALLS = 256;
const MAX_CHARS = 8 * 1024 * 1024;

/** The calls of client tools that a turn ends with. */
export class HandedOver {
  readonly #calls: ClientCall[] = [];
  #chars = 0;

  /** @param offered undefined: no client waits for calls */
  constructor(
    private readonly messages: Pick<CallMessages, "siblingsOf" | "unsettledWith">,
    private readonly offered: "parallel" | "single" | undefined,
  ) {}

  get calls(): readonly ClientCall[] {
    return this.#calls;
  }

  /** The ids of all calls that the conversation needs results for: beside these, calls of the same message that did not run. */
  get waiting(): readonly string[] {
    const [first] = this.#calls;
    return first === undefined ? [] : this.messages.unsettledWith(first.id);
  }

  /** Takes a call of a client tool. The CLI ends the turn when all its calls are deferred. */
  async take(name: string, call: PreToolUseHookInput): Promise<CallAnswer> {
    const { tool_use_id: id, tool_input, agent_id } = call;
    if (this.offered === undefined) return { answer: "deny", message: NO_CLIENT };
    if (agent_id !== undefined) return { answer: "deny", message: NOT_SUBAGENTS };
    if (this.offered === "single" && this.#calls.length > 0) return { answer: "deny", message: ONE_BY_ONE };
    const input = isObject(tool_input) ? { ...tool_input } : {};
    const { length: chars } = JSON.stringify(call);
    if (this.#calls.length >= MAX_CALLS || this.#chars + chars > MAX_CHARS)
      return { answer: "deny", message: TOO_MANY };
    this.#chars += chars;
    this.#calls.push({ id, name, input });
    await this.messages.siblingsOf(id, MESSAGE_END_MS);
    return { answer: "defer" };
  }
}

const NO_CLIENT = "No client waits for this call, so it was not run.";
const NOT_SUBAGENTS = "Only the main agent can call this tool, so the call was not run.";
const TOO_MANY = "Too many or too large calls wait for the client, so this call was not run.";
const ONE_BY_ONE =
  "This tool accepts one call at a time, so this call was not run. Repeat it if you still need it.";
