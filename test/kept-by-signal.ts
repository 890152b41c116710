/** How many listeners, and signals that follow it, an AbortSignal has. */
export function keptBy(signal: AbortSignal): number {
  let count = 0;
  for (const symbol of Object.getOwnPropertySymbols(signal)) {
    const { size } = Object(Reflect.get(signal, symbol));
    if (typeof size === "number") count += size;
  }
  return count;
}
