import { reachesFar, runsFurther } from "./far-reaching.js";
import { runsUnread } from "./interpreters.js";
import type { Value } from "./pattern.js";
import { bareName } from "./words.js";

/** Shells whose language is parsed here. */
const POSIX_SHELLS = new Set("sh bash dash zsh ksh mksh ash yash rbash lksh posh".split(" "));

/** Shells, which read code from a string, a file or their input. */
const SHELLS = new Set([...POSIX_SHELLS, ..."fish csh tcsh elvish nu pwsh powershell xonsh rc".split(" ")]);

/** Programs and shell words that run the command in their arguments. */
const RUNNERS = new Set(
  (
    "env sudo doas su runuser nice ionice chrt taskset nohup setsid setpriv stdbuf timeout gtimeout time command " +
    "builtin exec eval xargs parallel watch flock script unshare nsenter chroot fakeroot bwrap firejail strace " +
    "ltrace busybox toybox systemd-run dbus-run-session xvfb-run caffeinate torsocks proxychains ssh at batch " +
    "noglob nocorrect repeat foreach coproc - numactl prlimit cpulimit unbuffer setarch linux32 linux64 i386 faketime " +
    "chronic pee entr perf valgrind chpst daemonize start-stop-daemon newgrp sg"
  ).split(" "),
);

/**
 * Words of bash or zsh that change the meaning of later words (`read PATH` too), or that execute commands in their arguments:
 * `compgen -C`, `mapfile -C`, `jobs -x`, and the index in `let 'a[$(id)]'`.
 */
const REDEFINERS = new Set(
  (
    "alias unalias source . trap set unset shopt setopt unsetopt enable disable hash rehash unhash bind bindkey export " +
    "declare typeset local readonly integer float private function functions unfunction autoload cd pushd popd " +
    "let read mapfile readarray getopts wait compgen complete compopt fc history jobs " +
    "print vared getln emulate zmodload zcompile zparseopts zstyle zpty zle sched r"
  ).split(" "),
);

const FIND_ACTIONS = new Set(["-exec", "-execdir", "-ok", "-okdir"]);

/** Whether a command runs another command from its arguments. */
export function runsAnother(values: readonly Value[]): boolean {
  const [name] = values;
  if (name === undefined) return true;
  const bare = bareName(name);
  if (bare === "find" || bare === "gfind") return values.some((value) => FIND_ACTIONS.has(value ?? "-exec"));
  return SHELLS.has(bare) || RUNNERS.has(bare) || bare === "alias" || bare === "trap";
}

/** Whether a command can do anything, so that only a rule that names all of it may allow it. */
export function needsWholeName(values: readonly Value[]): boolean {
  const [first = "", ...args] = values;
  const name = bareName(first);
  return reachesFar(name, args) || runsAnother(values) || REDEFINERS.has(name);
}

/** Whether the command gets further arguments at run time. */
export function takesMoreArguments([name]: readonly Value[]): boolean {
  return name !== undefined && ["xargs", "parallel"].includes(bareName(name));
}

/** Programs that only print or find their arguments. In arguments of other programs, a shell's name may be executed. */
const SHOWING = new Set(
  "echo printf grep egrep fgrep rg ag ack sed awk gawk man which whereis type ls cat head tail less test [ git find file stat wc".split(
    " ",
  ),
);

/** Programs that start a shell, which reads its input, unless they have this many arguments. */
const STARTING_SHELLS: ReadonlyMap<string, number> = new Map([
  ...[
    "sudo",
    "doas",
    "unshare",
    "nsenter",
    "fakeroot",
    "firejail",
    "setarch",
    "linux32",
    "linux64",
    "i386",
  ].map((name): [string, number] => [name, 1]),
  ["chroot", 2],
  ["setarch", 2],
  ["ssh", 2],
  ...["su", "runuser", "script", "newgrp", "sg"].map((name): [string, number] => [
    name,
    Number.POSITIVE_INFINITY,
  ]),
]);

/** Shell code in the arguments of a wrapper; undefined if some of it cannot be parsed. */
export function sourcesIn(values: readonly Value[]): string[] | undefined {
  const [name = "", ...rest] = values;
  const bare = bareName(name);
  const known = rest.filter((value) => value !== undefined);
  if (bare === "eval") return known.length === rest.length ? [known.join(" ")] : undefined;
  if (["source", "."].includes(bare) || runsUnread(values) || runsFurther(bare, rest)) return undefined;
  const isRunner = runsAnother(values);
  if (!isRunner)
    return SHOWING.has(bare) || !known.some((value) => SHELLS.has(bareName(value))) ? [] : undefined;
  const isReadable =
    known.length === rest.length &&
    !startsShell(bare, known) &&
    !(bare === "xargs" && known.some((value) => SHELLS.has(bareName(value)))) &&
    values.every((_, start) => isRead(values.slice(start)));
  return isReadable ? known.flatMap(codeIn) : undefined;
}

/** Whether a possible shell or interpreter has all of its code in its arguments. */
function isRead(values: readonly Value[]): boolean {
  const bare = bareName(values[0] ?? "");
  if (["eval", "source", "."].includes(bare)) return false;
  if (!SHELLS.has(bare)) return !runsUnread(values);
  return POSIX_SHELLS.has(bare) && hasCode(values.slice(1));
}

/** Whether a shell's arguments are options, including `-c`, followed by the code. */
function hasCode(args: readonly Value[]): boolean {
  let isCode = false;
  let at = 0;
  for (; /^[-+]/.test(args[at] ?? ""); at++) {
    const option = args[at] ?? "";
    if (/^--(?:rcfile|init-file)|^-[a-zA-Z]*[is]/.test(option)) return false;
    if (/^-[a-zA-Z]*c/.test(option)) isCode = true;
    // A setting's name follows.
    if (/^[-+][a-zA-Z]*[oO]$/.test(option)) at += 1;
  }
  return isCode && args[at] !== undefined;
}

function startsShell(bare: string, args: readonly string[]): boolean {
  const least = STARTING_SHELLS.get(bare);
  if (least === undefined) return false;
  if (args.some((arg) => /^-[a-zA-Z]*c|^--(?:session-)?command/.test(arg))) return false;
  return (
    args.filter((arg) => !arg.startsWith("-")).length < least ||
    (["sudo", "doas"].includes(bare) && args.some((arg) => /^(?:-[a-zA-Z]*[si]|--shell|--login)$/.test(arg)))
  );
}

/** Words that contain a command; other words are checked elsewhere. */
function codeIn(value: string): string[] {
  // `A=b`, `--split-string=…`, `-S…`
  const afterName = /^(?:-{0,2}[\w-]+=|-[A-Za-z](?=.*[^\w-]))(.+)$/s.exec(value)?.[1];
  if (afterName !== undefined) return [afterName];
  return /[\s;&|<>()$`]/.test(value) ? [value] : [];
}
