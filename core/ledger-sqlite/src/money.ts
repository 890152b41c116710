/*
 * Money is kept in whole nanodollars (1e-9 USD): integers add up without drift. List prices are whole nanodollars a
 * token (3e-6 USD is 3000), so a turn's price loses nothing but the float noise it came with; a price that is no whole
 * number is rounded once a turn, by at most half a nanodollar. A sum stays exact up to 2^53, nine million USD.
 */
const NANO = 1e9;

export function nanoOf(usd: number): number {
  const nano = Math.round(usd * NANO);
  if (!Number.isSafeInteger(nano)) throw new RangeError(`ledger: ${usd} USD can't be booked`);
  return nano;
}

export function usdOf(nano: number): number {
  return nano / NANO;
}
