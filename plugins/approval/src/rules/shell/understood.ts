import type {
  ArithmeticExpression,
  Command,
  CommandArgument,
  ParameterOperation,
  SyntaxNode,
  Word,
} from "unbash";
import type { Value } from "./pattern.js";
import { bareName, fixedValue } from "./words.js";

const NAME = /^[A-Za-z_]\w*$/;
const NUMBER = /^-?\d+$/;
/** Special parameters whose value is always a number. */
const NUMERIC = /^\$(?:[?#$!]|\{[?#$!]\}|\{#\w+\})$/;
/** An operand of an expansion that no shell expands further. */
const PLAIN_OPERAND = /^[\w./:@%+,=*? -]*$/;

/** Operators of `[[`, and of `[` in zsh, with arithmetic operands: `a[$(rm x)]` executes its index. */
const COUNTING = new Set(["-eq", "-ne", "-lt", "-le", "-gt", "-ge"]);
/** Operators whose operand is a variable name, possibly with an index. */
const NAMING = new Set(["-v", "-R"]);

/** Variables whose values shells, loaders and programs treat as code, as options with code, or as files with code. */
const EVALUATED =
  /^(?:HOME|PS\d|R?PROMPT\d?|RPS\d|PROMPT_COMMAND|BASH_ENV|ENV|ZDOTDIR|SHELLOPTS|BASHOPTS|LD_\w+|DYLD_\w+|PERL5(?:OPT|DB)|RUBYOPT|\w*JAVA_(?:TOOL_)?OPTIONS|LESS(?:OPEN|CLOSE)|MAKEFLAGS|MAKEFILES)$/;

/** Builtins with variable names as arguments: an index or a reference in a name is evaluated. */
const NAMERS = new Set(
  "declare typeset local export readonly private nameref read unset getopts mapfile readarray vared getln".split(
    " ",
  ),
);
const ALWAYS_MORE = new Set([
  "let",
  "integer",
  "float",
  "enable",
  "emulate",
  "zmodload",
  "autoload",
  "zle",
  "zstyle",
  "bind",
  "hash",
  "rehash",
  "fc",
  "history",
  "complete",
  "compgen",
  "sched",
  "zpty",
  "r",
]);

/** Builtins whose argument zsh evaluates as arithmetic. */
const COUNTERS = new Set(["shift", "return", "exit", "logout", "bye", "break", "continue"]);

/**
 * Whether a node of a script means only what it says: nothing in it is evaluated a second time, as arithmetic, as an index, as
 * a prompt, or in one shell only. Its children are checked separately.
 */
export function isUnderstood(node: SyntaxNode): boolean {
  switch (node.type) {
    case "ArithmeticExpansion":
    case "ArithmeticCommand":
      return node.expression !== undefined && isLiteral(node.expression);
    case "ArithmeticFor":
      return [node.initialize, node.test, node.update].every((part) => part === undefined || isLiteral(part));
    case "ParameterExpansion":
      return (
        /^(?:\w+|[@*#?$!-])$/.test(node.parameter) &&
        node.prefix !== "!" &&
        node.index === undefined &&
        (node.operation === undefined || isPlainOperation(node.operation))
      );
    case "TestBinary":
      return !COUNTING.has(node.operator) || [node.left, node.right].every(isNumber);
    case "TestUnary":
      if (node.operator === "-t") return isNumber(node.operand);
      return !NAMING.has(node.operator) || NAME.test(fixedValue(node.operand) ?? "");
    case "Assignment":
      return (node.index === undefined || NUMBER.test(node.index.text)) && isSettable(node.name);
    case "ArrayValue":
      return node.elements.every(({ text }) => !text.startsWith("["));
    case "Word":
      return !hasZshIndex(node) && !/^=/.test(node.text);
    case "For":
      return isSettable(fixedValue(node.name));
    case "Command":
      return isUnderstoodCommand(node);
    case "Coproc":
      // zsh treats the name as the command.
      return node.name === undefined;
    case "Select":
    case "ExtendedGlob":
    case "FileDescriptorVariable":
      return false;
    default:
      return true;
  }
}

function isLiteral(expression: ArithmeticExpression): boolean {
  switch (expression.type) {
    case "ArithmeticBinary":
      return isLiteral(expression.left) && isLiteral(expression.right);
    case "ArithmeticUnary":
      return isLiteral(expression.operand);
    case "ArithmeticTernary":
      return [expression.test, expression.consequent, expression.alternate].every(isLiteral);
    case "ArithmeticGroup":
      return isLiteral(expression.expression);
    case "ArithmeticWord":
      return /^\d+$/.test(expression.value) && (expression.parts?.length ?? 0) <= 1;
    default:
      return false;
  }
}

function isPlainOperation(operation: ParameterOperation): boolean {
  switch (operation.type) {
    case "Default":
    case "Remove":
      return isPlainOperand(operation.operand);
    case "Replace":
      return isPlainOperand(operation.pattern) && isPlainOperand(operation.replacement);
    case "Slice":
      return [operation.offset, operation.length].every(
        (part) => part === undefined || NUMBER.test(part.text.trim()),
      );
    case "CaseModification":
      return operation.operand === undefined;
    default:
      return false;
  }
}

function isPlainOperand({ text }: Word): boolean {
  return PLAIN_OPERAND.test(text);
}

function isNumber(word: Word): boolean {
  return NUMBER.test(fixedValue(word) ?? "") || NUMERIC.test(word.text.replace(/^"(.*)"$/, "$1"));
}

function isCount(arg: CommandArgument): boolean {
  return arg.type === "Word" && isNumber(arg);
}

function isSettable(name: Value): boolean {
  return name !== undefined && NAME.test(name) && !EVALUATED.test(name);
}

/** zsh treats `$a[…]` as an index without braces, with or without quotes in it. */
function hasZshIndex({ text }: Word): boolean {
  return /\$\w+(?:"|')*\[/.test(text) || /\$\w+:[a-z]*[esgfF]/.test(text);
}

function isUnderstoodCommand({ name, args }: Command): boolean {
  const bare = bareName((name && fixedValue(name)) ?? "");
  if (ALWAYS_MORE.has(bare)) return false;
  if (NAMERS.has(bare)) return args.every((arg) => isPlainName(arg));
  const values = args.map(fixedValue);
  if (bare === "printf" || bare === "print") return isPlainPrinting(values);
  if (bare === "set")
    return values.every((value) => value !== undefined && !/^-[a-zA-Z]*x|xtrace/i.test(value));
  if (bare === "test" || bare === "[") return isPlainTest(args);
  if (COUNTERS.has(bare)) return args.every(isCount);
  if (bare === "repeat") return args[0] !== undefined && isCount(args[0]);
  if (bare === "jobs") return values.every((value) => /^(?:-[lnprs]+|%?\w+)$/.test(value ?? ""));
  if (bare === "wait") return values.every((value) => value !== undefined && !value.startsWith("-"));
  if (bare === "env") return values.every((value) => !EVALUATED.test(/^(\w+)=/.exec(value ?? "")?.[1] ?? ""));
  return true;
}

function isPlainName(arg: CommandArgument): boolean {
  if (arg.type === "Assignment") return true;
  const value = fixedValue(arg);
  // `-i` is arithmetic, `-n` a reference to another name; `-a` is detected by its index.
  return (
    value !== undefined &&
    (/^[-+][a-hj-mo-zA-DG-Z]+$/.test(value) || isSettable(value.replace(/=[\w./:@ -]*$/, "")))
  );
}

/** `printf -v` sets a variable; in zsh a number is arithmetic. */
function isPlainPrinting(values: readonly Value[]): boolean {
  if (values.some((value) => value !== undefined && /^-[a-zA-Z]*[vPzCfu]/.test(value))) return false;
  const format = values.find((value) => value !== "--");
  if (format === undefined) return values.length === 0;
  if (!/%[^s%]*[diouxXeEfFgGaAcn*]/.test(format)) return true;
  return values.slice(1).every((value) => value !== undefined && !/[$`[]/.test(value));
}

function isPlainTest(args: readonly CommandArgument[]): boolean {
  const values = args.map(fixedValue);
  return args.every((arg, at) => {
    const value = values[at];
    if (value !== undefined && NAMING.has(value)) return NAME.test(values[at + 1] ?? "");
    if (values[at - 1] === "-t") return isCount(arg);
    const counted = [values[at - 1], values[at + 1]].some(
      (other) => other !== undefined && COUNTING.has(other),
    );
    return !counted || isCount(arg);
  });
}
