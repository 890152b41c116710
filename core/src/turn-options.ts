import { fieldOf, type OptionChanges, type OptionFields, optionsOf } from "@claudeway/kernel";
import { type ApprovalMode, GatewayError, type LimitWait, type TurnOptions } from "@claudeway/ports";
import type { Agents } from "@claudeway/schemas";
import type { Workdirs } from "@claudeway/workdirs";
import type { KeyLimitTable } from "./key-limits.js";
import { limitWaitOf } from "./turns/limit-parking.js";
import { checkedSchema } from "./turns/output-check.js";

/** The fields that widen what Claude may do: `[keys.<id>] allow` names those that a key may send. */
export type WideningField = "mcp_servers" | "agents" | "tools" | "allowed_tools" | "additional_dirs";

/** Reads the options of requests, and holds them against what their key may ask for. */
export class OptionReader {
  constructor(
    private readonly parts: {
      readonly limits: Pick<KeyLimitTable, "of" | "placeOf">;
      readonly workdirs: Pick<Workdirs, "additional">;
      readonly engine: Parameters<typeof limitWaitOf>[1];
    },
  ) {}

  /** What a usage limit does to the turn of a request; undefined: it ends the turn. */
  limitWait(request: Parameters<typeof limitWaitOf>[0]): LimitWait | undefined {
    return limitWaitOf(request, this.parts.engine);
  }

  /**
   * The options of a request on top of its session's `defaults`. Throws FORBIDDEN where the key may not send one of
   * them, BAD_REQUEST where a folder or a schema is refused.
   */
  async read(fields: OptionFields, keyId: string, defaults: TurnOptions = {}): Promise<TurnOptions> {
    const dirs: string[] = [];
    const { output_schema: schema } = fields;
    this.#check({ ...defaults, ...optionsOf(fields) }, keyId);
    for (const dir of fields.additional_dirs ?? [])
      dirs.push(await this.parts.workdirs.additional(dir, keyId));
    return {
      ...defaults,
      ...optionsOf(fields),
      ...(fields.additional_dirs !== undefined && { additionalDirs: dirs }),
      ...(schema !== undefined && { outputSchema: await checkedSchema(schema) }),
    };
  }

  /** The same for changed defaults: a field of null is removed. */
  update(fields: OptionChanges, keyId: string, defaults: TurnOptions = {}): Promise<TurnOptions> {
    const kept = Object.entries(defaults).filter(([option]) => fields[fieldOf(option) ?? "effort"] !== null);
    const given = Object.entries(fields).filter(([, value]) => value !== null);
    return this.read(Object.fromEntries(given), keyId, Object.fromEntries(kept));
  }

  /** Throws FORBIDDEN where the key may not use one of the options. */
  #check(options: TurnOptions, keyId: string): void {
    const { limits } = this.parts;
    const { allow: allowed = [] } = limits.of(keyId);
    const missing = wideningFields(options).find((field) => !allowed.includes(field));
    if (missing === undefined) return;
    throw new GatewayError(
      "FORBIDDEN",
      `${missing} must be allowed for the key: ${limits.placeOf(keyId)} allow must contain "${missing}"`,
    );
  }
}

/** The fields of these options that widen what Claude may do. Agents with MCP servers of their own count as both. */
function wideningFields(options: TurnOptions): WideningField[] {
  const agentServers = Object.values(options.agents ?? {}).some(({ mcpServers }) => mcpServers !== undefined);
  const present: Readonly<Record<WideningField, boolean>> = {
    mcp_servers: options.mcpServers !== undefined || agentServers,
    agents: options.agents !== undefined,
    // No tools at all can only narrow.
    tools: options.tools !== undefined && options.tools.length > 0,
    allowed_tools: options.allowedTools !== undefined,
    additional_dirs: options.additionalDirs !== undefined,
  };
  return WIDENING.filter((field) => present[field]);
}

const WIDENING: readonly WideningField[] = [
  "mcp_servers",
  "agents",
  "tools",
  "allowed_tools",
  "additional_dirs",
];

/**
 * What is left of the options where calls are denied or asked about: nothing in them may let a call run unasked. Throws
 * FORBIDDEN for MCP servers that are programs: starting one runs a command.
 */
export function narrowed(options: TurnOptions, mode: ApprovalMode): TurnOptions {
  if (mode === "bypass") return options;
  refusePrograms(options, mode);
  const { allowedTools, agents, ...rest } = options;
  return {
    ...rest,
    ...(agents !== undefined && { agents: narrowedAgents(agents) }),
    ...(allowedTools !== undefined && { tools: limitedTools(allowedTools, options.tools) }),
  };
}

function refusePrograms({ mcpServers = {} }: TurnOptions, mode: ApprovalMode): void {
  const program = Object.entries(mcpServers).find(([, server]) => "command" in server);
  if (program === undefined) return;
  throw new GatewayError(
    "FORBIDDEN",
    `mcp_servers.${program[0]} must be an http or sse server: a stdio server runs a command, ` +
      `and in the approval mode "${mode}" no command runs unasked`,
  );
}

function narrowedAgents(agents: Agents): Agents {
  return Object.fromEntries(
    Object.entries(agents).map(
      ([name, { permissionMode: _mode, mcpServers: _servers, memory: _memory, ...agent }]) => [name, agent],
    ),
  );
}

/** The built-in tools that the rules name, such as Bash in `Bash(git log:*)`; of `tools`, if given, those among them. */
function limitedTools(rules: readonly string[], tools: readonly string[] | undefined): readonly string[] {
  const named = new Set(rules.map((rule) => rule.replace(/\(.*$/s, "").trim()));
  const builtIn = [...named].filter((name) => !name.startsWith("mcp__"));
  return tools === undefined ? builtIn : tools.filter((tool) => named.has(tool));
}
