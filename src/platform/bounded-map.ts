// A map that forgets its oldest entry when it is full: for what was learned from outside, whose names a stranger picks.

export class BoundedMap<K, V> extends Map<K, V> {
  private readonly max: number;

  constructor(max: number) {
    super();
    this.max = max;
  }

  /** What is set again counts as new. */
  override set(key: K, value: V): this {
    this.delete(key);
    if (this.size >= this.max) {
      for (const oldest of this.keys()) {
        this.delete(oldest);
        break;
      }
    }
    return super.set(key, value);
  }
}
