/** A measured point of the picture. */
export interface Point {
  readonly idle: number;
  readonly sessions: number;
  readonly atOnce: number;
  /** Processor time of a turn, in ms: the gateway's, and the CLI's own. */
  readonly gatewayMs: number;
  readonly cliMs: number;
}

const PANEL = { width: 260, height: 200, left: 48, top: 40, gap: 30 };
const COLOURS = ["#1f77b4", "#d95f02", "#2ca02c", "#9467bd"];

/** Cost against load: a panel for each number of idle processes, a line for each number of sessions. */
export function pictureOf(points: readonly Point[]): string {
  const [idles, sessions, loads] = [
    sorted(points.map(({ idle }) => idle)),
    sorted(points.map((point) => point.sessions)),
    sorted(points.map(({ atOnce }) => atOnce)),
  ];
  const most = Math.max(...points.flatMap(({ gatewayMs, cliMs }) => [gatewayMs, cliMs])) * 1.1;
  const width = PANEL.left + idles.length * (PANEL.width + PANEL.gap);
  const height = PANEL.top + PANEL.height + 60;
  const panels = idles.map((idle, index) => {
    const x = PANEL.left + index * (PANEL.width + PANEL.gap);
    const across = (atOnce: number) =>
      x + (PANEL.width * (loads.indexOf(atOnce) + 0.5)) / Math.max(1, loads.length);
    const up = (ms: number) => PANEL.top + PANEL.height * (1 - ms / most);
    const lines = sessions.flatMap((count, which) => {
      const of = points
        .filter((point) => point.idle === idle && point.sessions === count)
        .toSorted((a, b) => a.atOnce - b.atOnce);
      const colour = COLOURS[which % COLOURS.length] ?? "black";
      return [
        line(
          of.map((point) => [across(point.atOnce), up(point.gatewayMs)]),
          colour,
          false,
        ),
        line(
          of.map((point) => [across(point.atOnce), up(point.cliMs)]),
          colour,
          true,
        ),
      ];
    });
    return [
      `<rect x="${x}" y="${PANEL.top}" width="${PANEL.width}" height="${PANEL.height}" fill="none" stroke="#888"/>`,
      text(x + PANEL.width / 2, PANEL.top - 8, `${idle} idle processes`),
      ...loads.map((load) => text(across(load), PANEL.top + PANEL.height + 16, String(load))),
      text(x + PANEL.width / 2, PANEL.top + PANEL.height + 34, "turns at once"),
      ...[0, most / 2, most / 1.1].map((ms) => text(x - 16, up(ms) + 4, ms.toFixed(0))),
      ...lines,
    ];
  });
  const legend = sessions.map((count, which) =>
    text(
      PANEL.left + 60 + which * 130,
      height - 8,
      `${count} sessions`,
      COLOURS[which % COLOURS.length] ?? "black",
    ),
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">`,
    "<title>Processor time of a turn against load</title>",
    '<rect width="100%" height="100%" fill="white"/>',
    text(width / 2, 16, "Processor time of a turn, ms: the gateway's (solid), the CLI's own (dashed)"),
    ...panels.flat(),
    ...legend,
    "</svg>\n",
  ].join("\n");
}

function sorted(values: readonly number[]): number[] {
  return [...new Set(values)].toSorted((a, b) => a - b);
}

function line(points: readonly (readonly [number, number])[], colour: string, dashed: boolean): string {
  const places = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const dots = points.map(
    ([x, y]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3" fill="${colour}"/>`,
  );
  const dash = dashed ? ' stroke-dasharray="5 4"' : "";
  return `<polyline points="${places}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>${dots.join("")}`;
}

function text(x: number, y: number, words: string, colour = "#222"): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="middle" fill="${colour}">${words}</text>`;
}
