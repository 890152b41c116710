/*
 * A conversation is named by its place: `cC012:1700000000.000100` is the thread in channel C012 that begins with this
 * message; `tC012` is the channel itself, for what belongs in no thread. A message's id is `C012:1700000000.000200`.
 */

export function threadKey(channel: string, thread: string): string {
  return `c${channel}:${thread}`;
}

/** The channel itself. */
export function channelKey(channel: string): string {
  return `t${channel}`;
}

export function channelOf(key: string): string {
  return key.slice(1).split(":")[0] ?? "";
}

/** Undefined for the channel itself. */
export function threadOf(key: string): string | undefined {
  return key.startsWith("c") ? key.split(":")[1] : undefined;
}

export function idOf(channel: string, ts: string): string {
  return `${channel}:${ts}`;
}

export function partsOf(messageId: string): { readonly channel: string; readonly ts: string } {
  const [channel = "", ts = ""] = messageId.split(":");
  return { channel, ts };
}
