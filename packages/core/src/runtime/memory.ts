/** The memory of this process. */
export interface Memory {
  /**
   * Says that arrays of so many bytes together are not used any more. If they are many, it frees them now: by itself,
   * JavaScript's engine may keep arrays that nobody can reach for long, since they take up little of its own heap. The
   * caller's own variables must not refer to them any more.
   */
  dropped(bytes: number): void;
}
