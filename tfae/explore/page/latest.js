// For work that cannot keep up with a moving pointer.

/**
 * Makes a function that does the work for the latest arguments only, once at a time.
 *
 * What it returns is settled when there is nothing left to do.
 */
export function latest(work) {
  let [next, running] = [null, null];
  const loop = async () => {
    try {
      while (next) {
        const given = next;
        next = null;
        await work(...given);
      }
    } finally {
      running = null;
    }
  };
  return (...given) => {
    next = given;
    return (running ??= loop());
  };
}
