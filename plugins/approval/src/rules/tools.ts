import type { ToolCall } from "./types.js";

/** The target of a call. */
export type Reach =
  /** A file; with `tree`, everything below it. `path` is undefined if it is missing or unknown. */
  | { readonly kind: "read" | "write"; readonly path: string | undefined; readonly tree: Tree }
  | { readonly kind: "shell"; readonly command: string | undefined }
  | { readonly kind: "fetch"; readonly url: string | undefined }
  /** Nothing outside the conversation. */
  | { readonly kind: "none" }
  | { readonly kind: "unknown" };

/** The extent of the target: one file, the names in a folder, or the contents of its files. */
export type Tree = "file" | "names" | "contents";

/** Tools that only read files; a rule for `Read` covers all of them, as in the CLI. */
export const READING: readonly string[] = ["Read", "NotebookRead", "Grep", "Glob", "LS"];

/** Tools that change files; a rule for `Edit` covers all of them, as in the CLI. */
export const EDITING: readonly string[] = ["Edit", "Write", "MultiEdit", "NotebookEdit"];

/** Tools that run a shell command; deny and ask rules for `Bash` apply to all of them. */
export const RUNNING: readonly string[] = ["Bash", "Monitor"];

/** Lists, plans and the session's background work: without effect, or they end something that was allowed before. */
const WITHOUT_EFFECT: readonly string[] = [
  ...["TodoWrite", "TodoRead", "TaskCreate", "TaskGet", "TaskUpdate", "TaskList"],
  ...["TaskOutput", "AgentOutputTool", "BashOutput", "TaskStop", "KillShell", "KillBash"],
  ...["EnterPlanMode", "ToolSearch", "StructuredOutput", "ReportFindings", "CronList"],
];

export const ASKED: readonly string[] = [
  ...[
    "ExitPlanMode",
    "AskUserQuestion",
    "WebFetch",
    "WebSearch",
    "Skill",
    "SlashCommand",
    "PowerShell",
    "REPL",
  ],
  ...[
    "SendMessage",
    "Workflow",
    "CronCreate",
    "CronDelete",
    "ScheduleWakeup",
    "RemoteTrigger",
    "EnterWorktree",
  ],
  ...[
    "ExitWorktree",
    "Artifact",
    "ListMcpResources",
    "ListMcpResourcesTool",
    "ReadMcpResource",
    "ReadMcpResourceTool",
    "PushNotification",
    "LSP",
  ],
];

/** All known tools. */
export const KNOWN: readonly string[] = [
  ...[READING, EDITING, RUNNING, WITHOUT_EFFECT, ASKED].flat(),
  ...["Agent", "Task"],
];

/** The target of a call; `unknown` for unknown tools. */
export function reachOf(call: ToolCall): Reach {
  const { tool, input } = call;
  switch (tool) {
    case "Read":
      return { kind: "read", path: text(input["file_path"]), tree: "file" };
    case "NotebookRead":
      return { kind: "read", path: text(input["notebook_path"]), tree: "file" };
    case "Grep":
      return { kind: "read", path: pathOrHere(input["path"]), tree: "contents" };
    case "LS":
      return { kind: "read", path: pathOrHere(input["path"]), tree: "names" };
    case "Glob":
      return { kind: "read", path: globRoot(input), tree: "names" };
    case "Edit":
    case "Write":
    case "MultiEdit":
      return { kind: "write", path: text(input["file_path"]), tree: "file" };
    case "NotebookEdit":
      return { kind: "write", path: text(input["notebook_path"]), tree: "file" };
    case "Bash":
    case "Monitor":
      return { kind: "shell", command: text(input["command"]) };
    case "WebFetch":
      return { kind: "fetch", url: text(input["url"]) };
    case "Agent":
    case "Task":
      return { kind: startsHere(input) ? "none" : "unknown" };
    default:
      return { kind: WITHOUT_EFFECT.includes(tool) ? "none" : "unknown" };
  }
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function pathOrHere(value: unknown): string | undefined {
  return value === undefined ? "." : text(value);
}

/** The start folder of a Glob: its pattern may be absolute, or contain `..`. */
function globRoot({ pattern, path }: ToolCall["input"]): string | undefined {
  const glob = text(pattern);
  const folder = pathOrHere(path);
  if (glob === undefined || folder === undefined || glob.startsWith("~")) return undefined;
  const segments = glob.split("/");
  const wild = segments.findIndex((segment) => /[*?[\]{}()!@+|\\]/.test(segment));
  const fixed = wild === -1 ? segments.slice(0, -1) : segments.slice(0, wild);
  const rest = segments.slice(fixed.length);
  // `*/../..` leaves the folder, and so may braces with a slash, and `.{.,}/`.
  const folders = rest.slice(0, -1);
  if (rest.some((segment) => /\.\.|[(\\]/.test(segment) || !hasWholeBraces(segment))) return undefined;
  if (folders.some((segment) => /^[.[{?]/.test(segment) && /[[{]/.test(segment) && segment.includes(".")))
    return undefined;
  const start = fixed.join("/");
  if (glob.startsWith("/")) return start === "" ? "/" : start;
  return start === "" ? folder : `${folder}/${start}`;
}

function hasWholeBraces(segment: string): boolean {
  return segment.split("{").length === segment.split("}").length;
}

/** Fields that do not affect where a subagent runs, or its permissions. */
const OF_THE_TASK: readonly string[] = [
  ...[
    "description",
    "prompt",
    "subagent_type",
    "model",
    "effort",
    "run_in_background",
    "resume",
    "max_turns",
    "mode",
  ],
];

/** A subagent's own calls are decided one by one, unless it runs elsewhere. */
function startsHere(input: ToolCall["input"]): boolean {
  const { mode } = input;
  const isKnown = Object.entries(input).every(
    ([field, value]) => value === undefined || OF_THE_TASK.includes(field),
  );
  return isKnown && (mode === undefined || mode === "default" || mode === "plan");
}
