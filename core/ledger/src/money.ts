/*
 * Money is stored as an integer number of nanodollars (1e-9 USD), so that sums do not drift. List prices are integers of
 * nanodollars per token (3e-6 USD is 3000), so only floating-point noise is lost. Other prices are rounded once per turn, by
 * at most half a nanodollar. Sums are exact up to 2^53 nanodollars, nine million USD.
 */
const NANO = 1e9;

export function nanoOf(usd: number): number {
  const nano = Math.round(usd * NANO);
  if (!Number.isSafeInteger(nano)) throw new RangeError(`ledger: cannot record a cost of ${usd} USD`);
  return nano;
}

export function usdOf(nano: number): number {
  return nano / NANO;
}
