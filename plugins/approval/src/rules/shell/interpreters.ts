import type { Value } from "./pattern.js";
import { mayRunFromAwk } from "./programs.js";
import { bareName } from "./words.js";

/** Programs that execute their input, whatever their arguments. */
const ALWAYS_READING = new Set(
  (
    "at batch parallel ed ex vi vim nvim emacs sqlite3 psql mysql mariadb gdb lldb ftp lftp sftp dc gnuplot m4 tclsh wish " +
    "expect irb pry iex erl ghci ocaml R octave maxima gp crontab jshell scala groovysh kotlinc xonsh telnet nc ncat socat"
  ).split(" "),
);

/** Interpreters, which read a program from a file, an option, or their input. */
const INTERPRETER =
  /^(?:python[\d.]*|pypy[\d.]*|perl[\d.]*|ruby[\d.]*|node|nodejs|deno|bun|php[\d.]*|lua[\d.]*|luajit|Rscript|julia|guile|racket|sbcl|clisp|scheme|osascript|jruby|jython|groovy|swift|tsx|ts-node)$/i;

/** Options that neither contain a program nor make them read one from the input. */
const HARMLESS_OPTION =
  /^(?:-[muBOvVhwW]|-[WX][\w:=.]+|--?version|--?help|--(?:test|watch|check)[\w-]*|--[\w-]+=[\w.,/-]*)$/;
const OF_ITSELF = /^(?:-[vVh]|--?version|--?help)$/;
/** The standard input by one of its names. */
const INPUT = /^(?:-|\/dev\/(?:stdin|fd\/\d+|tty)|\/proc\/.*\/fd\/\d+)$/;

/**
 * Whether a program runs code that cannot be checked here: from its input, or in another language in its arguments. Rules do
 * not check the content of named files.
 */
export function runsUnread([name, ...args]: readonly Value[]): boolean {
  if (name === undefined) return false;
  const bare = bareName(name);
  if (ALWAYS_READING.has(bare)) return true;
  if (/^[gmn]?awk$/.test(bare)) return args.some((arg) => arg === undefined || mayRunFromAwk(arg));
  if (/^g?sed$/.test(bare)) return args.some(mayExecute);
  if (/^g?make$/.test(bare))
    return args.some(
      (arg) => arg === undefined || INPUT.test(arg) || /^(?:--eval|-[a-zA-Z]*E|-[a-zA-Z]*f-)/.test(arg),
    );
  // `env -S` has its own syntax for escapes and variables.
  if (bare === "env")
    return args.some((arg) => /^-(?:-sp|[a-zA-Z]*S)/.test(arg ?? "")) && args.some(hasQuotes);
  return INTERPRETER.test(bare) && !namesItsProgram(args);
}

/** Python modules that execute their arguments, or their input. */
const RUNNING_MODULES = new Set(
  "timeit pdb code asyncio trace cProfile profile runpy IPython ptpython bpython idlelib".split(" "),
);

function namesItsProgram(args: readonly Value[]): boolean {
  if (args.length > 0 && args.every((arg) => OF_ITSELF.test(arg ?? ""))) return true;
  const at = args.findIndex((arg) => arg === undefined || !arg.startsWith("-") || arg === "-");
  const options = at === -1 ? args : args.slice(0, at);
  const program = args[at];
  if (options.at(-1) === "-m" && RUNNING_MODULES.has(program ?? "")) return false;
  return (
    program !== undefined &&
    !INPUT.test(program) &&
    options.every((option) => HARMLESS_OPTION.test(option ?? ""))
  );
}

function hasQuotes(arg: Value): boolean {
  return arg === undefined || /[\\'"$`]/.test(arg);
}

/** sed's command `e`, and the flag `e` of `s`. */
function mayExecute(arg: Value): boolean {
  return (
    arg === undefined ||
    /(?:^|[^a-zA-Z])[gpIiMm\d]*e[gpIiMm\d]*(?![a-zA-Z])/.test(arg) ||
    /^-[a-zA-Z]*f|^--file/.test(arg)
  );
}
