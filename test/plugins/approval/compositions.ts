import type { RuleConfig } from "#plugins/approval/rules/index.js";

export const RULES: readonly RuleConfig[] = [
  { allow: "Bash(good)" },
  { allow: "Bash(good run *)" },
  { allow: "Bash(fine *)" },
];

export const ALLOWED = [
  "good",
  "fine",
  "good run build",
  "good run 'a b'",
  'fine "x" --y=z',
  "fine a.txt b/c",
];

/** Put after an allowed command, `bad` would run, or something uncertain. A space separates two. */
export const AFTER = [
  ...'; bad|&& bad|& bad|&|;bad|; ; bad|$(bad)|`bad`|<(bad)|>(bad)|"$(bad)"|"`bad`"|$((`bad`))|$[`bad`]'.split(
    "|",
  ),
  ..."|| bad#| bad#|& bad#\nbad#\r\nbad#\n\nbad x#> out#>> out#< in#<> out#>| out#&> out#2>&1#<<< x#3>&1".split(
    "#",
  ),
  ..."<<E\n$(bad)\nE|<<'E'\nx\nE|$X|$IFS|$@|$*|$1|$?|$'\\x62ad'|$\"x\"|*|?|[ab]|{a,b}|{1..3}|~|~x|!!|!x|^a^b".split(
    "|",
  ),
  ..."$\u007bx:-`bad`}|$\u007bx@P}|$\u007bX}|\\|\\x|\\\n|# x|'|\"|(|)|(bad)|{ bad; }|}|{|((x))|[[ x ]]|! bad".split(
    "|",
  ),
  ..."\0|\t|\v|\f|\r|\u00a0|\u200b|\u2028|\u202e|\ufeff|\u00ad|\u3164|\u{e0041}|\u001b[0m|\u0007|\ud800".split(
    "|",
  ),
  ..."\uff1b bad|\u037e bad|\u2502 bad|\u2018bad\u2019".split("|"),
  ...[
    "if x; then bad; fi",
    "f() { bad; }; f",
    "; coproc bad",
    "; time bad",
    "; alias good=bad",
    "; eval bad",
  ],
];

/** The same before one. */
export const BEFORE = [
  ..."bad;|bad &&|bad &|bad\n|x=y |PATH=. |! |time |coproc |exec |command |builtin |env |env x=y |nice |nohup ".split(
    "|",
  ),
  ..."timeout 5 |xargs |sudo |eval |sh -c |then |> out |< in |2>&1 |$(bad) |`bad` |\\|$|./|/bin/|~/|{ |( |-".split(
    "|",
  ),
  ..."\u200b|\ufeff|alias good=bad\n|good() { bad; }\n|cd x && |source x; |. x; |set -x; |export A=b; ".split(
    "|",
  ),
  ...["bad |", "hash -p x good; ", "trap bad EXIT; "],
];

/** Random choices that are the same for the same seed, so that what is found can be found again. */
export class Choices {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to 1. */
  number(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }

  of(items: readonly string[]): string {
    return items[Math.floor(this.number() * items.length)] ?? "";
  }

  /** Up to `most` of them, with something between. */
  some(items: readonly string[], most: number, between: readonly string[]): string {
    const length = Math.floor(this.number() * (most + 1));
    return Array.from({ length }, () => this.of(items) + this.of(between)).join("");
  }
}

export const SEED = Number(process.env["FUZZ_SEED"] ?? 2_026);
export const ROUNDS = Number(process.env["FUZZ_ROUNDS"] ?? 2_000);
