/** The code that the gateway gave an error of its own, such as CONFLICT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What may be told of an error: the gateway's own words, which are meant for people; of others only that it broke. */
export function reasonOf(error: unknown): string {
  const told = error instanceof Error && (codeOf(error) !== undefined || "reason" in error);
  return told ? error.message : "something broke; the log has more";
}
