import type { ToolCall } from "./types.js";

/** What a call reaches for. */
export type Reach =
  /** A file; with `tree`, all below it. `path` is undefined where it is missing or cannot be told. */
  | { readonly kind: "read" | "write"; readonly path: string | undefined; readonly tree: Tree }
  | { readonly kind: "shell"; readonly command: string | undefined }
  | { readonly kind: "fetch"; readonly url: string | undefined }
  /** Nothing outside the conversation. */
  | { readonly kind: "none" }
  | { readonly kind: "unknown" };

/** Whether one file is meant, the names in a folder, or all that is in its files. */
export type Tree = "file" | "names" | "contents";

/** Tools that only read files; a rule for `Read` covers them all, as in the CLI. */
export const READING: readonly string[] = ["Read", "NotebookRead", "Grep", "Glob", "LS"];

/** Tools that change files; a rule for `Edit` covers them all, as in the CLI. */
export const EDITING: readonly string[] = ["Edit", "Write", "MultiEdit", "NotebookEdit"];

/** Tools that run a shell command; those of `Bash` are refused to the others too. */
export const RUNNING: readonly string[] = ["Bash", "Monitor"];

/** Lists, plans and the session's own background work: they reach nothing, or end what was decided before. */
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

/** Every tool that is known here by name. */
export const KNOWN: readonly string[] = [
  ...[READING, EDITING, RUNNING, WITHOUT_EFFECT, ASKED].flat(),
  ...["Agent", "Task"],
];

/** Says what a call reaches for; what is not known here is `unknown`. */
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

/** The folder that a Glob starts from: its pattern may be absolute, or climb. */
function globRoot({ pattern, path }: ToolCall["input"]): string | undefined {
  const glob = text(pattern);
  const folder = pathOrHere(path);
  if (glob === undefined || folder === undefined || glob.startsWith("~")) return undefined;
  const segments = glob.split("/");
  const wild = segments.findIndex((segment) => /[*?[\]{}()!@+|\\]/.test(segment));
  const fixed = wild === -1 ? segments.slice(0, -1) : segments.slice(0, wild);
  const rest = segments.slice(fixed.length);
  // `*/../..` climbs, and so may braces that hold a slash, and `.{.,}/`.
  const folders = rest.slice(0, -1);
  if (rest.some((segment) => /\.\.|[(\\]/.test(segment) || !hasWholeBraces(segment))) return undefined;
  if (folders.some((segment) => /^[.[{?]/.test(segment) && /\..*[[{]|[[{].*\./.test(segment)))
    return undefined;
  const start = fixed.join("/");
  if (glob.startsWith("/")) return start === "" ? "/" : start;
  return start === "" ? folder : `${folder}/${start}`;
}

function hasWholeBraces(segment: string): boolean {
  return segment.split("{").length === segment.split("}").length;
}

/** What says nothing of where a subagent runs, and with which permissions. */
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

/** A subagent's own calls are decided one by one; elsewhere than here they are not. */
function startsHere(input: ToolCall["input"]): boolean {
  const { mode } = input;
  const isKnown = Object.entries(input).every(
    ([field, value]) => value === undefined || OF_THE_TASK.includes(field),
  );
  return isKnown && (mode === undefined || mode === "default" || mode === "plan");
}
