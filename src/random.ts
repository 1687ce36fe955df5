/** A small seeded generator (sfc32) for what the host samples; integer operations alone, so equal on every engine. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  /** Streams of different numbers are independent of each other. */
  constructor(seed: number, stream = 0) {
    this.a = seed >>> 0;
    this.b = Math.floor(seed / 2 ** 32) >>> 0;
    this.c = stream >>> 0;
    for (let i = 0; i < 15; i++) this.next();
  }

  /** 32 random bits. */
  next(): number {
    const t = (this.a + this.b + this.counter) >>> 0;
    this.counter = (this.counter + 1) >>> 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) >>> 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) >>> 0;
    return t;
  }

  /** Uniform in [0, 1), a multiple of 2^-32. */
  uniform(): number {
    return this.next() / 2 ** 32;
  }

  /** Uniform integer in [low, high], without bias. */
  between(low: number, high: number): number {
    const range = high - low + 1;
    const limit = Math.floor(2 ** 32 / range) * range;
    let x = this.next();
    while (x >= limit) x = this.next();
    return low + (x % range);
  }

  /** `count` different elements in random order. */
  pick<T>(items: readonly T[], count: number): T[] {
    const pool = items.slice();
    for (let i = 0; i < count; i++) {
      const j = this.between(i, pool.length - 1);
      [pool[i], pool[j]] = [pool[j]!, pool[i]!];
    }
    return pool.slice(0, count);
  }
}
