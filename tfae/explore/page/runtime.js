// Where the encoder and the decoder run: in this browser, or on the local server.

/**
 * Opens the model that the server has at /run/model.tflite.
 *
 * Returns {runsIn, reason, milliseconds, encode, decode}: runsIn is "browser" or "server", and reason
 * says why it is not the browser. encode(x, label) returns {code, log_variance?} and decode(code, label)
 * an example, all as Float32Array. milliseconds is a running average of the time of one decoding. The
 * label is a class number, -1 for unknown, and null for a model that takes none.
 */
export async function openModel(about) {
  if (about.serverReason !== null) return timed(onServer(), "server", about.serverReason);
  try {
    return timed(await inBrowser(about), "browser");
  } catch (error) {
    const reason = `LiteRT for the web did not start in this browser: ${error.message ?? error}`;
    return timed(onServer(), "server", reason);
  }
}

async function inBrowser(about) {
  const { loadLiteRt, loadAndCompile, Tensor } = await import("@litertjs/core");
  await loadLiteRt("/litert/core/wasm/");
  const model = await loadAndCompile("/run/model.tflite", { accelerator: "wasm" });
  const shapes = { encode: about.shape, decode: [about.dimensions.length] };
  const names = { encode: "x", decode: "code" };
  return async (signature, values, label) => {
    const inputs = { [names[signature]]: new Tensor(values, [1, ...shapes[signature]]) };
    if (label !== null) inputs.label = new Tensor(Int32Array.of(label), [1]);
    try {
      const outputs = await model.run(signature, inputs);
      return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => {
        const copy = Float32Array.from(tensor.toTypedArray());
        tensor.delete();
        return [name, copy];
      }));
    } finally {
      Object.values(inputs).forEach((tensor) => tensor.delete());
    }
  };
}

function onServer() {
  return async (signature, values, label) => {
    const query = label === null ? "" : `?label=${label}`;
    const response = await fetch(`/${signature}${query}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify([Array.from(values)]),
    }).catch(() => {
      throw new Error("the server does not answer; is `tfae explore` still running?");
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    const outputs = Object.entries(answer);
    return Object.fromEntries(outputs.map(([name, [row]]) => [name, Float32Array.from(row)]));
  };
}

function timed(run, runsIn, reason = null) {
  let last = Promise.resolve();
  const inTurn = (...request) => {
    const result = last.then(() => run(...request));
    last = result.catch(() => {});
    return result;
  };
  const model = {
    runsIn,
    reason,
    milliseconds: null,
    encode: (x, label) => inTurn("encode", x, label),
    decode: async (code, label) => {
      const start = performance.now();
      const { x } = await inTurn("decode", code, label);
      const taken = performance.now() - start;
      model.milliseconds = model.milliseconds === null
        ? taken : 0.9 * model.milliseconds + 0.1 * taken;
      return x;
    },
  };
  return model;
}
