import { reachesFar } from "./far-reaching.js";
import type { Value } from "./pattern.js";

/** Shells: what they run is in a string, in a file or on their input. */
const SHELLS = new Set("sh bash dash zsh ksh mksh ash yash rbash fish csh tcsh elvish nu pwsh".split(" "));

/** Programs and words of the shell that run the command in their arguments. */
const RUNNERS = new Set(
  (
    "env sudo doas su runuser nice ionice chrt taskset nohup setsid setpriv stdbuf timeout gtimeout time command " +
    "builtin exec eval xargs parallel watch flock script unshare nsenter chroot fakeroot bwrap firejail strace " +
    "ltrace busybox toybox systemd-run dbus-run-session xvfb-run caffeinate torsocks proxychains ssh at batch " +
    "noglob nocorrect repeat foreach coproc"
  ).split(" "),
);

/**
 * Words of the shell, of bash or zsh, after which other words mean something else (`read PATH` too), or that take
 * commands to run: `compgen -C`, `mapfile -C`, `jobs -x`, and the index in `let 'a[$(id)]'`.
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

/** The name without its folder, in lower case: where letter case does not count in file names, `RM` is `rm`. */
export function bareName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1).toLowerCase();
}

export function isShell([name]: readonly Value[]): boolean {
  return name !== undefined && SHELLS.has(bareName(name));
}

/** Whether a command runs another one that is in its arguments. */
export function runsAnother(values: readonly Value[]): boolean {
  const [name] = values;
  if (name === undefined) return true;
  const bare = bareName(name);
  if (bare === "find" || bare === "gfind") return values.some((value) => FIND_ACTIONS.has(value ?? "-exec"));
  return SHELLS.has(bare) || RUNNERS.has(bare) || bare === "alias" || bare === "trap";
}

/** Whether a command is more than its name says, so that only a rule that names it whole may allow it. */
export function needsWholeName(values: readonly Value[]): boolean {
  const [first = "", ...args] = values;
  const name = bareName(first);
  return reachesFar(name, args) || runsAnother(values) || REDEFINERS.has(name);
}

/** Whether the command gets arguments that are not written down. */
export function takesMoreArguments([name]: readonly Value[]): boolean {
  return name !== undefined && ["xargs", "parallel"].includes(bareName(name));
}

/** Shell source among the arguments of a command that runs another one; undefined: there is some that can't be read. */
export function sourcesIn(values: readonly Value[]): string[] | undefined {
  const [name = "", ...rest] = values;
  const bare = bareName(name);
  const known = rest.filter((value) => value !== undefined);
  if (bare === "eval") return known.length === rest.length ? [known.join(" ")] : undefined;
  if (["source", "."].includes(bare)) return undefined;
  if (!runsAnother(values)) return [];
  const readable =
    known.length === rest.length && (!SHELLS.has(bare) || known.some((value) => /^-[a-z]*c/.test(value)));
  return readable ? known.flatMap(codeIn) : undefined;
}

/** Words of one command are looked at where they stand; here are those that hold a command of their own. */
function codeIn(value: string): string[] {
  const afterName = /^-{0,2}[\w-]+=(.+)$/s.exec(value)?.[1];
  if (afterName !== undefined) return [afterName];
  return /[\s;&|<>()$`]/.test(value) ? [value] : [];
}
