// Loads the data and the model, and starts the page.

import { openModel } from "./runtime.js";
import { notify } from "./notice.js";
import { Page } from "./page.js";

const $ = (selector) => document.querySelector(selector);

async function start() {
  const [about, examples, codes] = await Promise.all([
    fetch("/run/about.json").then((response) => response.json()),
    floats("/run/examples.f32"),
    floats("/run/codes.f32"),
  ]);
  const model = await openModel(about);
  document.documentElement.dataset.kind = about.isImage ? "image" : "vector";
  document.documentElement.dataset.runsIn = model.runsIn;
  introduce(about);
  if (model.reason !== null) {
    notify(`Decoding on the local server instead of in the browser: ${model.reason}.`);
  }
  $("main").hidden = false;
  new Page(about, model, {
    examples: rowsOf(examples, examples.length / about.scores.length),
    codes: rowsOf(codes, about.dimensions.length),
    labelFor: (i) => about.numClasses === null ? null : about.labels?.[i] ?? -1,
  });
}

function introduce(about) {
  const dimensions = about.dimensions.length;
  document.title = `${about.run} · tfae explore`;
  $("#run").textContent = about.run;
  $("#about").textContent = `${about.model} · ${dimensions} latent dimension`
    + `${dimensions > 1 ? "s" : ""} · ${about.data}`;
  if (!about.isImage) $("#own-kind").textContent = "a file of numbers";
  // Data that cannot be scaled like the model's is not offered.
}

async function floats(url) {
  return new Float32Array(await (await fetch(url)).arrayBuffer());
}

function rowsOf(values, size) {
  return (i) => values.subarray(i * size, (i + 1) * size);
}

start().catch((error) => {
  $("#runtime").textContent = "";
  notify(`The page could not start: ${error.message}`);
});
