// Skips outdated calls, for work that cannot keep up with a moving pointer.

/**
 * Makes a function that runs `work` one call at a time, and only with the latest arguments.
 *
 * It returns a promise that is settled when there is nothing left to do.
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
