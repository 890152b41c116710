import { Refusal } from "@claudeway/core";

/** An invalid argument. */
export function invalid(message: string): Refusal {
  return new Refusal(400, message, { code: "BAD_REQUEST" });
}

/** What does not exist, or belongs to another key: these look the same. */
export function notFound(message: string): Refusal {
  return new Refusal(404, message, { code: "NOT_FOUND" });
}
