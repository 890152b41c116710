import { hasHidden, spelledOut } from "./characters.js";
import { type DomainPattern, parseDomainPattern } from "./domain.js";
import { type Glob, hasWildcard, toGlob } from "./glob.js";
import { nearest } from "./nearest.js";
import { type PathPattern, parsePathPattern } from "./path-pattern.js";
import { parseShellPattern, type ShellPattern } from "./shell/pattern.js";
import { EDITING, KNOWN, READING, RUNNING } from "./tools.js";

/** A parsed pattern: the tools that it covers, and which of their calls. */
export interface Pattern {
  readonly text: string;
  /** The tool's name in the pattern. */
  readonly tool: string;
  readonly scope: Scope;
}

export type Scope =
  /** All calls of the tool. */
  | { readonly kind: "all" }
  | { readonly kind: "server"; readonly names: Glob }
  | { readonly kind: "path"; readonly path: PathPattern }
  | { readonly kind: "shell"; readonly shell: ShellPattern }
  | { readonly kind: "domain"; readonly domain: DomainPattern }
  /** One field of the input, compared literally. */
  | { readonly kind: "field"; readonly field: string; readonly value: string };

const FORM = /^([A-Za-z][\w-]*(?:\*)?)(?:\((.*)\))?$/s;

/** Parses a pattern such as `Bash(npm run *)`. Throws an Error that explains what is wrong. */
export function parsePattern(text: string): Pattern {
  if (hasHidden(text))
    throw new Error(`the pattern must not contain invisible characters, got ${spelledOut(text)}`);
  const [, tool = "", inner] = FORM.exec(text) ?? [];
  if (tool === "")
    throw new Error(
      "the pattern must be a tool's name, such as Read, or a name with calls in parentheses, such as Bash(npm run *)",
    );
  if (tool.startsWith("mcp__")) return { text, tool, scope: serverScope(tool, inner) };
  if (tool.includes("*"))
    throw new Error("only names of MCP tools can contain a wildcard, such as mcp__github__*");
  const alike = KNOWN.find((name) => name.toLowerCase() === tool.toLowerCase());
  if (alike !== undefined && alike !== tool) throw new Error(`unknown tool ${tool}; did you mean ${alike}?`);
  // A rule for a misspelled tool would silently never match. Rules for tools that are merely new are accepted.
  const meant = alike === undefined ? nearest(tool, KNOWN) : undefined;
  if (meant !== undefined) throw new Error(`unknown tool ${tool}; did you mean ${meant}?`);
  return { text, tool, scope: inner === undefined || inner === "*" ? { kind: "all" } : scopeOf(tool, inner) };
}

/** Whether the pattern concerns calls of this tool. */
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
  if (inner !== undefined) throw new Error("a pattern for an MCP tool must not have parentheses");
  const [, server, , name] = /^mcp__((?:(?!__)[\w-])+)(__([\w-]*\*?))?$/.exec(tool) ?? [];
  if (server === undefined || name === "")
    throw new Error("the pattern must be mcp__server, mcp__server__tool or mcp__server__*");
  return { kind: "server", names: toGlob(name === undefined ? `mcp__${server}__*` : tool) };
}

function scopeOf(tool: string, inner: string): Scope {
  if (inner.trim() === "") throw new Error("the parentheses must not be empty");
  if (tool === "Read" || tool === "Edit") return { kind: "path", path: parsePathPattern(inner) };
  if (tool === "Bash") return { kind: "shell", shell: parseShellPattern(inner) };
  if (tool === "WebFetch") return { kind: "domain", domain: parseDomainPattern(inner) };
  if (tool === "Agent" || tool === "Task") return { kind: "field", field: "subagent_type", value: inner };
  if (tool === "Skill") return { kind: "field", field: "skill", value: inner };
  if (EDITING.includes(tool))
    throw new Error(`write ${tool}(${inner}) as Edit(${inner}): Edit rules cover ${tool}`);
  if (READING.includes(tool))
    throw new Error(`write ${tool}(${inner}) as Read(${inner}): Read rules cover ${tool}`);
  throw new Error(`a pattern for ${tool} must not have parentheses`);
}

/** Why a pattern is too broad for an allow rule; undefined if it is not. */
export function tooWideToAllow({ scope }: Pattern): string | undefined {
  if (scope.kind !== "shell") return undefined;
  const [name] = scope.shell.words;
  if (name === undefined || !hasWildcard(name)) return undefined;
  return "an allow pattern must name the whole command, such as Bash(npm *)";
}
