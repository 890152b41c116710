import { hasHidden, spelledOut } from "./characters.js";
import { type DomainPattern, parseDomainPattern } from "./domain.js";
import { type Glob, hasWildcard, toGlob } from "./glob.js";
import { nearest } from "./nearest.js";
import { type PathPattern, parsePathPattern } from "./path-pattern.js";
import { parseShellPattern, type ShellPattern } from "./shell/pattern.js";
import { EDITING, KNOWN, READING, RUNNING } from "./tools.js";

/** A rule's pattern, read: the tools that it covers, and which of their calls. */
export interface Pattern {
  readonly text: string;
  /** The tool as the pattern names it. */
  readonly tool: string;
  readonly scope: Scope;
}

export type Scope =
  /** Every call of the tool. */
  | { readonly kind: "all" }
  | { readonly kind: "server"; readonly names: Glob }
  | { readonly kind: "path"; readonly path: PathPattern }
  | { readonly kind: "shell"; readonly shell: ShellPattern }
  | { readonly kind: "domain"; readonly domain: DomainPattern }
  /** One field of the input, word for word. */
  | { readonly kind: "field"; readonly field: string; readonly value: string };

const FORM = /^([A-Za-z][\w-]*(?:\*)?)(?:\((.*)\))?$/s;

/** Reads a pattern such as `Bash(npm run *)`; throws an Error that says what is wrong with it. */
export function parsePattern(text: string): Pattern {
  if (hasHidden(text)) throw new Error(`it holds a character that does not show: ${spelledOut(text)}`);
  const [, tool = "", inner] = FORM.exec(text) ?? [];
  if (tool === "")
    throw new Error("it takes a tool's name, as Read, or a name and what it may do, as Bash(npm run *)");
  if (tool.startsWith("mcp__")) return { text, tool, scope: serverScope(tool, inner) };
  if (tool.includes("*")) throw new Error("a wildcard in a tool's name is for MCP servers: mcp__github__*");
  const alike = KNOWN.find((name) => name.toLowerCase() === tool.toLowerCase());
  if (alike !== undefined && alike !== tool) throw new Error(`the tool is called ${alike}`);
  // A rule for a tool that is not there would never count, and nobody would know. What is merely new may have rules.
  const meant = alike === undefined ? nearest(tool, KNOWN) : undefined;
  if (meant !== undefined) throw new Error(`there is no tool ${tool}; it is probably ${meant}`);
  return { text, tool, scope: inner === undefined || inner === "*" ? { kind: "all" } : scopeOf(tool, inner) };
}

/** Whether the pattern is about calls of this tool at all. */
export function coversTool({ tool, scope }: Pattern, called: string): boolean {
  if (scope.kind === "server") return called.startsWith("mcp__");
  return called === tool || familyOf(tool).includes(called);
}

function familyOf(tool: string): readonly string[] {
  if (tool === "Read") return READING;
  if (tool === "Edit") return EDITING;
  if (tool === "Bash") return RUNNING;
  return tool === "Agent" || tool === "Task" ? ["Agent", "Task"] : [];
}

function serverScope(tool: string, inner: string | undefined): Scope {
  if (inner !== undefined) throw new Error("a pattern for an MCP tool takes nothing in parentheses");
  const [, server, , name] = /^mcp__((?:(?!__)[\w-])+)(__([\w-]*\*?))?$/.exec(tool) ?? [];
  if (server === undefined || name === "")
    throw new Error("it takes mcp__server, mcp__server__tool or mcp__server__*");
  return { kind: "server", names: toGlob(name === undefined ? `mcp__${server}__*` : tool) };
}

function scopeOf(tool: string, inner: string): Scope {
  if (inner.trim() === "") throw new Error("there is nothing between its parentheses");
  if (tool === "Read" || tool === "Edit") return { kind: "path", path: parsePathPattern(inner) };
  if (tool === "Bash") return { kind: "shell", shell: parseShellPattern(inner) };
  if (tool === "WebFetch") return { kind: "domain", domain: parseDomainPattern(inner) };
  if (tool === "Agent" || tool === "Task") return { kind: "field", field: "subagent_type", value: inner };
  if (tool === "Skill") return { kind: "field", field: "skill", value: inner };
  if (EDITING.includes(tool))
    throw new Error(`paths are given to Edit, which covers ${tool}: Edit(${inner})`);
  if (READING.includes(tool))
    throw new Error(`paths are given to Read, which covers ${tool}: Read(${inner})`);
  throw new Error(`${tool} takes nothing in parentheses`);
}

/** Why a pattern is too wide to allow anything; undefined if it is not. */
export function tooWideToAllow({ scope }: Pattern): string | undefined {
  if (scope.kind !== "shell") return undefined;
  const [name] = scope.shell.words;
  if (name === undefined || !hasWildcard(name)) return undefined;
  return "a pattern that allows names the command in full, as Bash(npm *)";
}
