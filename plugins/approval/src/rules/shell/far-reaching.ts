import type { Value } from "./pattern.js";

/** What makes a program that seems harmless run another one, or write where it is told. */
interface FarReach {
  /** Long options, without their dashes; programs take any beginning of them that is not another one's too. */
  readonly long?: readonly string[];
  /** Short options, also put together with others: `-rox`. */
  readonly short?: RegExp;
  /** The first argument that is no option. */
  readonly subcommands?: readonly string[];
  /** All arguments. */
  readonly args?: (args: readonly Value[]) => boolean;
}

// A sed script that neither runs nor writes: lines that are printed, dropped or counted, or one plain substitution.
const HARMLESS_SED = /^[\d,$]*(?:[pdq=]|s([/|#,:])(?:(?!\1).)*\1(?:(?!\1).)*\1[gpIi\d]*)$/;

const AWK: FarReach = { args: (args) => args.some((arg) => !isHarmlessForAwk(arg ?? "|")) };

/** Not complete, and it can't be: what else a program takes, its manual says. */
const PROGRAMS: ReadonlyMap<string, FarReach> = new Map<string, FarReach>([
  [
    "git",
    {
      long: [
        ...["config", "config-env", "exec", "exec-path", "upload-pack", "receive-pack", "output", "ext-diff"],
        ...["open-files-in-pager", "extcmd", "template", "git-dir", "textconv"],
      ],
      short: /^-(?:[cxO]|[a-zA-Z]*x$)/,
      subcommands: [
        ...["bisect", "config", "credential", "daemon", "difftool", "filter-branch", "gui", "hook"],
        ...["instaweb", "mergetool", "p4", "remote-ext", "send-email", "shell", "submodule", "svn"],
      ],
      args: (args) => args[0] === "clone" && args.some((arg) => arg?.startsWith("-u")),
    },
  ],
  ["find", { args: (args) => args.some((arg) => /^-(?:delete|fprint0?|fprintf|fls)$/.test(arg ?? "")) }],
  ["fd", { long: ["exec", "exec-batch"], short: /^-[a-zA-Z]*[xX]/ }],
  ["rg", { long: ["pre", "hostname-bin"] }],
  ["sort", { long: ["output", "compress-program"], short: /^-.*o/ }],
  ["uniq", { args: (args) => args.filter((arg) => !arg?.startsWith("-")).length > 1 }],
  [
    "tar",
    {
      long: [
        ...["to-command", "checkpoint-action", "use-compress-program", "rsh-command", "rmt-command"],
        ...["info-script", "new-volume-script"],
      ],
      short: /^-[a-zA-Z]*[IF]/,
      // The oldest form: the first argument is options without a dash.
      args: ([first]) => /^[a-zA-Z]*[IF]/.test(first ?? ""),
    },
  ],
  ["rsync", { long: ["rsh", "rsync-path"], short: /^-[a-zA-Z]*e/ }],
  ["sed", { args: (args) => !isHarmlessForSed(args) }],
  ...["awk", "gawk", "mawk", "nawk"].map((name): [string, FarReach] => [name, AWK]),
  // These two are the shell's own, and set variables, or look into an index, where a command may stand.
  ["printf", { short: /^-v/ }],
  ["test", { args: (args) => args.some((arg) => /^-[vR]$|[[$`]/.test(arg ?? "")) }],
]);

/** Whether a command has arguments with which its program does more than its name says. */
export function reachesFar(name: string, args: readonly Value[]): boolean {
  const program = PROGRAMS.get(name);
  if (program === undefined) return false;
  const { long = [], short, subcommands = [], args: more } = program;
  if (more?.(args) === true || subcommands.includes(subcommandOf(args))) return true;
  return args.some((arg) => {
    const option = /^--([a-z][a-z-]*)/.exec(arg ?? "")?.[1];
    return option === undefined ? short?.test(arg ?? "") : long.some((one) => one.startsWith(option));
  });
}

/** `git -C there config`: what comes after `-C` is a folder. */
function subcommandOf(args: readonly Value[]): string {
  return args.find((arg, at) => !arg?.startsWith("-") && args[at - 1] !== "-C") ?? "";
}

function isHarmlessForSed(args: readonly Value[]): boolean {
  const [script] = args.filter((arg) => !arg?.startsWith("-"));
  const options = args.filter((arg) => arg?.startsWith("-"));
  return HARMLESS_SED.test(script ?? "") && options.every((option) => /^-[nErsuz]+$/.test(option ?? ""));
}

/** Pipes, files and `system` are how an awk program reaches out; a program in a file can't be seen. */
function isHarmlessForAwk(arg: string): boolean {
  return !/[|>@]|system|getline/.test(arg) && !/^-(?:[a-zA-Z]*[fileEodpD]|-.)/.test(arg);
}
