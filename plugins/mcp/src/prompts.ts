import type { CommandName, GatewayControl } from "@claudeway/core";
import { RPC_CODES, RpcError } from "./rpc-error.js";

/** The CLI's slash commands, as MCP prompts: each has the client's model run the command on the gateway. */
export class Prompts {
  constructor(private readonly control: Pick<GatewayControl, "commands">) {}

  async list() {
    return { prompts: (await this.control.commands()).map(promptOf) };
  }

  async get(name: string, given: Readonly<Record<string, string>> = {}) {
    const command = (await this.control.commands()).find((one) => one.name === name);
    if (command === undefined) {
      throw new RpcError(RPC_CODES.invalidParams, `no such prompt: ${name.slice(0, 100)}`);
    }
    const { arguments: words = "", session_id: sessionId } = given;
    const prompt = `/${command.name}${words === "" ? "" : ` ${words}`}`;
    const tool =
      sessionId === undefined
        ? "the tool run_task"
        : `the tool session_prompt with session_id ${JSON.stringify(sessionId)}`;
    const text = `Call ${tool} of this server with exactly this prompt, and show me its answer: ${JSON.stringify(prompt)}`;
    return {
      description: command.description,
      messages: [{ role: "user" as const, content: { type: "text" as const, text } }],
    };
  }
}

function promptOf({ name, description, argumentHint }: CommandName) {
  const words = argumentHint === "" ? "What follows the command." : argumentHint;
  return {
    name,
    description,
    arguments: [
      { name: "arguments", description: words, required: false },
      { name: "session_id", description: "The session to run it in; none: a task.", required: false },
    ],
  };
}
