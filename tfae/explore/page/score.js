// The anomaly score: the terms named in the .tflite file, with the same formulas as tfae/device.py.

const TERMS = {
  bernoulli: (x, mean, i, { resolution = 2e-7 }) => {
    // A probability that was rounded to 0 or 1 lies within half a step of it.
    const p = Math.min(Math.max(mean[i], resolution / 2), 1 - resolution / 2);
    return -x[i] * Math.log(p) - (1 - x[i]) * Math.log1p(-p);
  },
  gaussian: (x, mean, i, { scale }) =>
    0.5 * ((x[i] - mean[i]) / scale) ** 2 + Math.log(scale * Math.sqrt(2 * Math.PI)),
  laplace: (x, mean, i, { scale }) => Math.abs(x[i] - mean[i]) / scale + Math.log(2 * scale),
  squared_error: (x, mean, i) => (x[i] - mean[i]) ** 2,
  absolute_error: (x, mean, i) => Math.abs(x[i] - mean[i]),
  huber: (x, mean, i, { delta }) => {
    const distance = Math.abs(x[i] - mean[i]);
    return distance <= delta ? distance ** 2 / 2 : delta * (distance - delta / 2);
  },
};

/** KL(N(code, exp(log_variance)) || N(0, I)) in nats. */
function gaussianKl({ code, log_variance: logVariance }) {
  return sum(code.length, (i) =>
    0.5 * (code[i] ** 2 + Math.exp(logVariance[i]) - 1 - logVariance[i]));
}

/**
 * Returns the anomaly score of x, {total, reconstruction, kl}, or null if there is no formula for it.
 *
 * `terms` come from the file's metadata; kl is null if the model's score has no KL term.
 */
export function scoreOf(terms, x, reconstruction, encoding) {
  if (!terms?.every(({ term }) => term in TERMS || term === "gaussian_kl")) return null;
  const score = { total: 0, reconstruction: 0, kl: null };
  for (const { term, scaling, ...parameters } of terms) {
    if (term === "gaussian_kl") {
      score.kl = gaussianKl(encoding);
    } else {
      const [target, mean] = [x, reconstruction].map((values) => scaled(values, scaling));
      score.reconstruction += sum(x.length, (i) => TERMS[term](target, mean, i, parameters));
    }
  }
  score.total = score.reconstruction + (score.kl ?? 0);
  return score;
}

/** Returns the values that a loss is computed from: scaled, if the model scales its data. */
function scaled(values, scaling) {
  if (!scaling) return values;
  return Float64Array.from(values, (value, i) => (value - scaling.shift[i]) * scaling.factor[i]);
}

function sum(count, term) {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
}
