// The anomaly score, by the same formulas as in Python (tfae.losses).

const EPSILON = 1e-7; // a probability that has been rounded to 0 or 1 in float32

const LOSSES = {
  bernoulli: (x, mean) => {
    const p = Math.min(Math.max(mean, EPSILON), 1 - EPSILON);
    return -(x * Math.log(p) + (1 - x) * Math.log1p(-p));
  },
  gaussian: (x, mean, { scale }) =>
    0.5 * ((x - mean) / scale) ** 2 + Math.log(scale) + 0.5 * Math.log(2 * Math.PI),
  squared_error: (x, mean) => (x - mean) ** 2,
};

/** KL(N(code, exp(logVariance)) || N(0, I)) in nats. */
export function klOf(code, logVariance) {
  return sum(code, (mean, i) =>
    0.5 * (mean * mean + Math.exp(logVariance[i]) - 1 - logVariance[i]));
}

/**
 * The anomaly score {total, reconstruction, kl} of x, or null where the page has no formula.
 *
 * kl is null for a model that has none; the score then is the reconstruction loss alone.
 */
export function scoreOf(likelihood, x, reconstruction, { code, log_variance: logVariance }) {
  if (!likelihood) return null;
  const loss = LOSSES[likelihood.name];
  const error = sum(x, (value, i) => loss(value, reconstruction[i], likelihood));
  const kl = logVariance ? klOf(code, logVariance) : null;
  return { total: error + (kl ?? 0), reconstruction: error, kl };
}

function sum(values, term) {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += term(values[i], i);
  return total;
}
