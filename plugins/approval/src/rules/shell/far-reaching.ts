import type { Value } from "./pattern.js";
import { type Options, PROGRAMS } from "./programs.js";
import { bareName } from "./words.js";

/** Whether a command has arguments that make its program do more than its usual work. */
export function reachesFar(name: string, args: readonly Value[]): boolean {
  const { runs, writes } = PROGRAMS.get(name) ?? {};
  return [runs, writes].some((options) => options !== undefined && hasAny(options, args));
}

/** Whether it has arguments that make it run another program. */
export function runsFurther(name: string, args: readonly Value[]): boolean {
  const { runs } = PROGRAMS.get(name) ?? {};
  return runs !== undefined && hasAny(runs, args);
}

/** Whether its program has such arguments. */
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

/** `git -C there config`: the argument after `-C` is a folder. */
function subcommandOf(args: readonly Value[]): string {
  return args.find((arg, at) => !arg?.startsWith("-") && args[at - 1] !== "-C") ?? "";
}
