/** What was logged, without the report of a start that took long, as it may on a busy machine. */
export function withoutStartReport(logged: string): string {
  const lines = logged.split("\n");
  return lines.filter((line) => !/"msg":"(?:start \d|[├│└])/.test(line)).join("\n");
}
