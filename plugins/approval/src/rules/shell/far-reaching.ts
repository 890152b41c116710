import type { Value } from "./pattern.js";
import { type Options, PROGRAMS } from "./programs.js";
import { bareName } from "./words.js";

/** Whether a command has arguments with which its program does more than its name says. */
export function reachesFar(name: string, args: readonly Value[]): boolean {
  const { runs, writes } = PROGRAMS.get(name) ?? {};
  return [runs, writes].some((options) => options !== undefined && hasAny(options, args));
}

/** Whether it has some with which it runs another program. */
export function runsFurther(name: string, args: readonly Value[]): boolean {
  const { runs } = PROGRAMS.get(name) ?? {};
  return runs !== undefined && hasAny(runs, args);
}

/** Whether there are arguments with which it would. */
export function canRunFurther(name: Value): boolean {
  return name !== undefined && PROGRAMS.get(bareName(name))?.runs !== undefined;
}

function hasAny(
  { long = [], short, subcommands = [], args: more }: Options,
  args: readonly Value[],
): boolean {
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
