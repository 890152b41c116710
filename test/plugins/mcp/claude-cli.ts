import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findClaude } from "@claudeway/engine-claude";
import { cliEnvironment, type TestGateway } from "../../e2e/gateway.js";

/** A message of the CLI's stream, as far as the tests look at it. */
export interface CliMessage {
  readonly type: string;
  readonly subtype?: string;
  readonly result?: string;
  readonly mcp_servers?: readonly { readonly name: string; readonly status: string }[];
  readonly tools?: readonly string[];
  readonly message?: { readonly content?: unknown };
}

const ALLOWED = "mcp__claudeway ReadMcpResourceTool ListMcpResourcesTool Bash";

/** A run of Claude Code with the gateway as its MCP server `claudeway`. */
export class ClaudeRun {
  readonly messages: CliMessage[] = [];
  stderr = "";
  readonly #child: ChildProcess;

  constructor(gateway: TestGateway, secret: string, prompt: string, folder = "client") {
    const dir = join(gateway.dir, folder);
    mkdirSync(dir, { recursive: true });
    const server = {
      type: "http",
      url: `${gateway.url}/mcp`,
      headers: { Authorization: `Bearer ${secret}` },
    };
    const config = join(dir, "mcp.json");
    writeFileSync(config, JSON.stringify({ mcpServers: { claudeway: server } }));
    this.#child = spawn(
      findClaude(undefined).path,
      ["-p", "--mcp-config", config, "--strict-mcp-config", "--allowedTools", ALLOWED].concat([
        "--output-format",
        "stream-json",
        "--verbose",
      ]),
      { cwd: dir, env: { ...process.env, ...cliEnvironment(gateway.model, dir) } },
    );
    this.#child.stdin?.end(prompt);
    let text = "";
    this.#child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (text + chunk).split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) this.messages.push(JSON.parse(line));
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.stderr += chunk;
    });
  }

  /** The status of the server, once the CLI says it. */
  get status(): string | undefined {
    const init = this.messages.find(({ subtype }) => subtype === "init");
    return init?.mcp_servers?.find(({ name }) => name === "claudeway")?.status;
  }

  /** The CLI's own answer, when it has ended. */
  async result(): Promise<string> {
    await this.ended();
    const end = this.messages.find(({ type }) => type === "result");
    if (end?.result === undefined) throw new Error(`the CLI gave no result: ${this.stderr}`);
    return end.result;
  }

  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, "close");
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }
}

/** A directive that has the scripted model of the client call tools of the server. */
export function calls(...given: readonly (readonly [tool: string, input: object])[]): string {
  const list = given.map(([tool, input]) => ({
    tool: tool.includes("Mcp") ? tool : `mcp__claudeway__${tool}`,
    input,
  }));
  return `[[tools ${JSON.stringify(list)}]]`;
}
