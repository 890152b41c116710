import { BAD_BYTES, BAD_FRAMES, BAD_INPUTS, type BadInput, COUNT, type Section } from "./bad-inputs.js";

/** The page docs/bad-inputs.md, generated from the table that the tests use. */
export function badInputsPage(): string {
  return [
    "# Invalid requests and their errors",
    "",
    `${COUNT} refused requests, each with its exact error. A test sends all of them to a running gateway. \`npm run generate:docs\` writes this page from the table of that test. The status determines the code of an error ([docs/api.md](api.md#errors)).`,
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
  return ["", "## Malformed requests", "", "| bytes | status | `error` |", "|---|---|---|", ...rows];
}

function frameLines(): string[] {
  const rows = BAD_FRAMES.map(({ frame, shown, error, close }) =>
    row(code(shown ?? String(frame)), error === undefined ? "" : code(error), String(close)),
  );
  const head =
    "The first message on `GET /task/ws`. The response is an `error` event, and the socket is closed.";
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
    // The body is irrelevant if the key was refused.
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
