import type { Tokens } from "@claudeway/schemas";

/** The tokens of one turn with a model, and their cost in nanodollars. */
export interface PriceSample {
  readonly tokens: Tokens;
  readonly costNano: number;
}

/** In nanodollars per token. */
export type Prices = Tokens;

type Vector = readonly number[];

/**
 * The list prices of the four kinds of token relative to an input token. Used where the samples do not determine the
 * prices.
 */
const LIST_RATIOS: Vector = [1, 5, 0.1, 1.25];

/** Singular values below this share of the largest one are noise. */
const RANK_TOLERANCE = 1e-10;

/**
 * Fits prices to samples whose cost is the sum of tokens times price. If the samples determine all prices, the result is
 * exact; otherwise it is the solution nearest to the list's ratios. Never negative. Undefined without samples.
 */
export function fitPrices(samples: readonly PriceSample[]): Prices | undefined {
  const rows = samples.map(({ tokens }) =>
    toVector(tokens).map((count, kind) => count * at(LIST_RATIOS, kind)),
  );
  const costs = samples.map((sample) => sample.costNano);
  const weight = rows.reduce((sum, row) => sum + total(row) ** 2, 0);
  if (weight === 0) return undefined;
  const scale = Math.max(0, dot(rows.map(total), costs) / weight);
  return toPrices(fitNear(rows, costs, scale));
}

export function costOf(tokens: Tokens, prices: Prices): number {
  return dot(toVector(tokens), toVector(prices));
}

/**
 * Fits the factor of each kind over its listed ratio (1 = `scale` times the list): the least-squares solution nearest to
 * `scale`. A kind with a negative result (the costs are then not a plain sum) is fixed to the list, and the others are
 * fitted again.
 */
function fitNear(rows: readonly Vector[], costs: Vector, scale: number): Vector {
  const listed = new Set<number>();
  for (;;) {
    const free = rows.map((row) => row.map((count, kind) => (listed.has(kind) ? 0 : count)));
    const rest = costs.map((cost, i) => cost - scale * total(rows[i] ?? []));
    const off = solveNearest(free, rest);
    const factors = off.map((difference) => scale + difference);
    const negative = factors.findIndex((factor, kind) => factor < -1e-9 * scale && !listed.has(kind));
    if (negative < 0) return factors.map((factor) => Math.max(0, factor));
    listed.add(negative);
  }
}

/**
 * The shortest x with minimal |rows·x - wanted|, by the one-sided Jacobi method (Hestenes): pairs of columns are rotated
 * until all are orthogonal; their lengths are then the singular values. Works on the samples directly, because the normal
 * equations would halve the precision.
 */
function solveNearest(rows: readonly Vector[], wanted: Vector): Vector {
  const columns = LIST_RATIOS.map((_, kind) => rows.map((row) => at(row, kind)));
  const turns = LIST_RATIOS.map((_, i) => LIST_RATIOS.map((__, j) => (i === j ? 1 : 0)));
  for (let sweep = 0; sweep < 30 && orthogonalize(columns, turns); sweep++);
  const lengths = columns.map((column) => Math.hypot(...column));
  const floor = Math.max(...lengths) * RANK_TOLERANCE;
  const x = LIST_RATIOS.map(() => 0);
  columns.forEach((column, kind) => {
    const length = at(lengths, kind);
    if (length <= floor) return;
    const part = dot(column, wanted) / length / length;
    at(turns, kind).forEach((turn, i) => {
      x[i] = at(x, i) + turn * part;
    });
  });
  return x;
}

/** Runs one sweep over all pairs; returns false if no pair needed a rotation. */
function orthogonalize(columns: number[][], turns: number[][]): boolean {
  let turned = false;
  for (let i = 0; i < columns.length; i++) {
    for (let j = i + 1; j < columns.length; j++) {
      const [a, b] = [at(columns, i), at(columns, j)];
      const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
      if (Math.abs(ab) <= 1e-15 * Math.sqrt(aa * bb)) continue;
      turned = true;
      const zeta = (bb - aa) / (2 * ab);
      const tangent = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
      const cosine = 1 / Math.hypot(1, tangent);
      rotate(a, b, cosine, cosine * tangent);
      rotate(at(turns, i), at(turns, j), cosine, cosine * tangent);
    }
  }
  return turned;
}

function rotate(a: number[], b: number[], cosine: number, sine: number): void {
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [at(a, i), at(b, i)];
    a[i] = cosine * x - sine * y;
    b[i] = sine * x + cosine * y;
  }
}

function toVector(tokens: Tokens): Vector {
  return [tokens.input, tokens.output, tokens.cache_read, tokens.cache_write];
}

/** Converts factors over the list's ratios to prices. */
function toPrices(factors: Vector): Prices {
  const [input = 0, output = 0, cache_read = 0, cache_write = 0] = factors.map(
    (f, kind) => f * at(LIST_RATIOS, kind),
  );
  return { input, output, cache_read, cache_write };
}

function total(vector: Vector): number {
  return vector.reduce((sum, value) => sum + value, 0);
}

function dot(a: Vector, b: Vector): number {
  return a.reduce((sum, value, i) => sum + value * at(b, i), 0);
}

function at<T>(list: readonly T[], index: number): T {
  const value = list[index];
  if (value === undefined) throw new RangeError(`no element ${index}`);
  return value;
}
