/** The gateway's code of an error, such as CONFLICT. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** The text of an error for the chat: the gateway's own messages are meant for people, others are not shown. */
export function reasonOf(error: unknown): string {
  const meantForPeople = error instanceof Error && (codeOf(error) !== undefined || "reason" in error);
  return meantForPeople ? error.message : "internal error; see the log";
}
