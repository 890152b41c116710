import { expandsNames } from "./curl.js";
import type { Value } from "./pattern.js";

/** Arguments that make a program do more than its usual work. */
export interface Options {
  /** Long options without dashes; programs also accept any unambiguous prefix. */
  readonly long?: readonly string[];
  /** Short options, also combined: `-rox`. */
  readonly short?: RegExp;
  /** The first argument that is not an option. */
  readonly subcommands?: readonly string[];
  /** All arguments. */
  readonly args?: (args: readonly Value[]) => boolean;
}

/** Arguments that make a seemingly harmless program dangerous. */
export interface FarReach {
  /** It runs another program. */
  readonly runs?: Options;
  /** It writes to a given place, or changes more than its usual files. */
  readonly writes?: Options;
}

// A sed script that neither executes nor writes: printing, deleting or counting lines, or one plain substitution.
const HARMLESS_SED = /^[\d,$]*(?:[pdq=]|s([/|#,:])(?:(?!\1).)*\1(?:(?!\1).)*\1[gpIi\d]*)$/;

const AWK: FarReach = { writes: { args: (args) => args.some((arg) => !isHarmlessForAwk(arg ?? "|")) } };
const SED: FarReach = { writes: { args: (args) => !isHarmlessForSed(args) } };
const TAR: FarReach = {
  runs: {
    long: [
      ...["to-command", "checkpoint-action", "use-compress-program", "rsh-command", "rmt-command"],
      ...["info-script", "new-volume-script"],
    ],
    short: /^-[a-zA-Z]*[IF]/,
    // The oldest form: the first argument contains options without a dash. An archive `host:file` is on another machine.
    args: (args) =>
      /^[a-zA-Z]*[IF]/.test(args[0] ?? "") ||
      args.some((arg) => /^(?:--file=|-[a-zA-Z]*f)?[^-/][^/]*:/.test(arg ?? "")),
  },
  writes: {
    long: [
      "index-file",
      "volno-file",
      "listed-incremental",
      "remove-files",
      "recursive-unlink",
      "unlink-first",
    ],
    short: /^-[a-zA-Z]*[gU]/,
    args: ([first]) => /^[a-zA-Z]*[gU]/.test(first ?? ""),
  },
};

/** Options of one git subcommand; long options are in the table for all subcommands. */
const GIT_SHORT: ReadonlyMap<string, RegExp> = new Map([
  ["clone", /^-[a-zA-Z0-9]*[uc]/],
  ["archive", /^-[a-zA-Z0-9]*o/],
  ["format-patch", /^-[a-zA-Z0-9]*o/],
  ["grep", /^-[a-zA-Z0-9]*O/],
  ["rebase", /^-[a-zA-Z0-9]*x/],
]);

const GIT: FarReach = {
  runs: {
    long: [
      ...["config", "config-env", "exec", "exec-path", "upload-pack", "receive-pack", "ext-diff"],
      ...["open-files-in-pager", "extcmd", "template", "git-dir", "textconv", "web", "attr-source"],
    ],
    short: /^-(?:[cxO]|[a-zA-Z]*x$)/,
    subcommands: [
      ...[
        "bisect",
        "config",
        "credential",
        "daemon",
        "difftool",
        "filter-branch",
        "for-each-repo",
        "gui",
        "hook",
      ],
      ...[
        "http-backend",
        "instaweb",
        "merge-index",
        "merge-one-file",
        "mergetool",
        "p4",
        "receive-pack",
        "remote-ext",
      ],
      ...[
        "remote-fd",
        "send-email",
        "sh-setup",
        "shell",
        "submodule",
        "svn",
        "upload-archive",
        "upload-pack",
        "web--browse",
      ],
      ...[
        "maintenance",
        "fsmonitor--daemon",
        "cvsimport",
        "cvsserver",
        "archimport",
        "quiltimport",
        "scalar",
        "citool",
        "gitk",
      ],
    ],
    args: (args) => {
      const at = args.findIndex((arg, index) => !arg?.startsWith("-") && args[index - 1] !== "-C");
      const short = GIT_SHORT.get(args[at] ?? "");
      return args.some(
        (arg, index) => /^[a-z]+::/.test(arg ?? "") || (index > at && short?.test(arg ?? "") === true),
      );
    },
  },
  writes: {
    long: ["output", "output-directory", "export-marks", "separate-git-dir", "work-tree"],
    subcommands: [
      "bundle",
      "fast-import",
      "fast-export",
      "checkout-index",
      "mailsplit",
      "bugreport",
      "diagnose",
    ],
  },
};

/** Writes to the argument after its input file, not counting values of options. */
function secondFile(withValue: RegExp): Options {
  return {
    args: (args) => {
      const files = args.filter(
        (arg, at) => (arg === "-" || !arg?.startsWith("-")) && !withValue.test(args[at - 1] ?? ""),
      );
      return files.length > 1;
    },
  };
}

const output = (short: RegExp, ...long: readonly string[]): FarReach => ({ writes: { short, long } });

/** Necessarily incomplete: programs have further options. */
export const PROGRAMS: ReadonlyMap<string, FarReach> = new Map<string, FarReach>([
  ["git", GIT],
  [
    "find",
    { writes: { args: (args) => args.some((arg) => /^-(?:delete|fprint0?|fprintf|fls)$/.test(arg ?? "")) } },
  ],
  ["fd", { runs: { long: ["exec", "exec-batch"], short: /^-[a-zA-Z]*[xX]/ } }],
  ["rg", { runs: { long: ["pre", "hostname-bin"] } }],
  ["ag", { runs: { long: ["pager"] } }],
  ["ack", { runs: { long: ["pager", "ackrc"] }, writes: { long: ["output"] } }],
  ["bat", { runs: { long: ["pager"] } }],
  ["man", { runs: { long: ["pager", "html", "preprocessor", "config-file"], short: /^-[a-zA-Z]*[PHCpt]/ } }],
  ["sort", { runs: { long: ["compress-program"] }, writes: { long: ["output"], short: /^-.*o/ } }],
  ["uniq", { writes: secondFile(/^-[fsw]$/) }],
  ["shuf", output(/^-[a-zA-Z]*o/, "output")],
  ["iconv", output(/^-[a-zA-Z]*o/, "output")],
  ["tree", output(/^-[a-zA-Z]*[oR]/)],
  ["xxd", { writes: secondFile(/^-[cglosnRd]$/) }],
  ["split", { writes: { args: () => true }, runs: { long: ["filter"] } }],
  ["csplit", { writes: { args: () => true } }],
  ["date", output(/^-[a-zA-Z]*s/, "set")],
  [
    "hostname",
    { writes: { args: (args) => args.some((arg) => !arg?.startsWith("-") || /^-[a-zA-Z]*[bF]/.test(arg)) } },
  ],
  ["file", output(/^-[a-zA-Z]*C/, "compile")],
  ["wget", { runs: { long: ["use-askpass", "execute"], short: /^-[a-zA-Z]*e/ } }],
  ["yq", { writes: { short: /^-[a-zA-Z]*[is]/, long: ["inplace", "in-place", "split-exp"] } }],
  ["xmllint", output(/^-(?:o|-?output)/, "output")],
  ["xsltproc", output(/^-o/, "output")],
  [
    "pandoc",
    {
      runs: { short: /^-[FL]/, long: ["filter", "lua-filter", "pdf-engine"] },
      writes: { short: /^-o/, long: ["output", "log", "extract-media"] },
    },
  ],
  [
    "go",
    {
      runs: {
        args: (args) => args.some((arg) => /^--?(?:toolexec|exec|vettool|overlay|modfile)\b/.test(arg ?? "")),
      },
      writes: {
        args: (args) =>
          args.some((arg) =>
            /^--?(?:o|coverprofile|cpuprofile|memprofile|trace|outputdir)\b/.test(arg ?? ""),
          ),
      },
    },
  ],
  ["cargo", { runs: { long: ["config"], short: /^-Z/ } }],
  ["tar", TAR],
  ["bsdtar", TAR],
  ["gtar", TAR],
  [
    "rsync",
    {
      runs: { long: ["rsh", "rsync-path"], short: /^-[a-zA-Z]*e/ },
      writes: { long: ["log-file", "remove-source-files", "write-batch"] },
    },
  ],
  ["scp", { runs: { short: /^-[a-zA-Z0-9]*[So]/ } }],
  [
    "curl",
    {
      writes: {
        short: /^-[fsSLkvigjlnNpqaIG0-9#]*[oOKDc]/,
        long: [
          "output",
          "remote-name",
          "config",
          "dump-header",
          "cookie-jar",
          "trace",
          "stderr",
          "libcurl",
          "etag-save",
        ],
        args: expandsNames,
      },
    },
  ],
  ["sed", SED],
  ["gsed", SED],
  ...["awk", "gawk", "mawk", "nawk"].map((name): [string, FarReach] => [name, AWK]),
  // Shell builtins that set variables, or evaluate an index, which may contain a command.
  ["printf", { writes: { short: /^-v/ } }],
  ["test", { runs: { args: (args) => args.some((arg) => /^-[vR]$|[[$`]/.test(arg ?? "")) } }],
]);

function isHarmlessForSed(args: readonly Value[]): boolean {
  const [script] = args.filter((arg) => !arg?.startsWith("-"));
  const options = args.filter((arg) => arg?.startsWith("-"));
  return HARMLESS_SED.test(script ?? "") && options.every((option) => /^-[nErsuz]+$/.test(option ?? ""));
}

/** An awk program can use pipes, files and `system`; a program in a file cannot be checked. */
function isHarmlessForAwk(arg: string): boolean {
  return !arg.includes(">") && !mayRunFromAwk(arg);
}

/** Whether an argument of awk may be a program that runs another one. */
export function mayRunFromAwk(arg: string): boolean {
  return /[|@]|system|getline/.test(arg.replaceAll("||", "")) || /^-(?:[a-zA-Z]*[fileEodpDW]|-.)/.test(arg);
}
