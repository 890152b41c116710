import { BAD_BYTES, BAD_FRAMES, BAD_INPUTS, type BadInput, COUNT, type Section } from "./bad-inputs.js";

/** The page docs/bad-inputs.md, made of the table that the tests go through. */
export function badInputsPage(): string {
  return [
    "# Bad inputs, and what they get",
    "",
    `${COUNT} requests that are refused, each with its exact answer. A test sends every one of them to a running gateway, and another holds this page against that test's table; \`npm run generate:docs\` writes it. The error's code is the one of its status ([docs/api.md](api.md#errors)).`,
    ...BAD_INPUTS.flatMap(sectionLines),
    ...bytesLines(),
    ...frameLines(),
    "",
  ].join("\n");
}

function sectionLines({ title, inputs }: Section): string[] {
  const rows = inputs.map((input) =>
    row(
      code(input.sent.shownRequest ?? input.request),
      shownOf(input),
      String(input.status),
      code(input.error),
    ),
  );
  return ["", `## ${title}`, "", "| request | with | status | `error` |", "|---|---|---|---|", ...rows];
}

function bytesLines(): string[] {
  const rows = BAD_BYTES.map(({ bytes, shown, status, error }) =>
    row(code(shown ?? escaped(bytes)), String(status), code(error)),
  );
  return ["", "## Bytes that are no request", "", "| bytes | status | `error` |", "|---|---|---|", ...rows];
}

function frameLines(): string[] {
  const rows = BAD_FRAMES.map(({ frame, shown, error, close }) =>
    row(code(shown ?? String(frame)), error === undefined ? "" : code(error), String(close)),
  );
  const head =
    "The first message on `GET /task/ws`; the answer is an `error` event, and the socket is closed.";
  return ["", "## WebSocket", "", head, "", "| message | `data` | close code |", "|---|---|---|", ...rows];
}

function shownOf({ sent }: BadInput): string {
  if (sent.shown !== undefined) return code(sent.shown);
  const parts = [
    sent.authorization === null
      ? "no key"
      : sent.authorization && code(`Authorization: ${sent.authorization}`),
    sent.upgrade && "a WebSocket handshake",
    ...Object.entries(sent.headers ?? {}).map(([name, value]) => code(`${name}: ${value}`)),
    // Which body a refused key came with says nothing.
    sent.authorization === undefined && sent.body !== undefined && code(textOf(sent.body)),
  ];
  return parts.filter((part) => part).join(", ");
}

function textOf(body: unknown): string {
  return typeof body === "string" ? body : JSON.stringify(body);
}

function row(...cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function code(text: string): string {
  return `\`${text.replaceAll("|", "\\|")}\``;
}

function escaped(bytes: string): string {
  return JSON.stringify(bytes).slice(1, -1);
}
