// Shows the example under the pointer, next to its reconstruction.

import { className, drawExample } from "./drawing.js";
import { latest } from "./latest.js";
import { failed } from "./notice.js";

/** Returns onHover(example or null, x, y) for the map. */
export function makeTip(box, about, model, { examples, codes, labelFor }) {
  let hovered = null;
  const [original, decoded] = box.querySelectorAll("canvas");

  const show = latest(async (i, x, y) => {
    const reconstruction = await model.decode(codes(i), labelFor(i));
    if (hovered !== i) return;
    box.hidden = false;
    const name = about.labels ? `${className(about, about.labels[i])} · ` : "";
    box.querySelector("span").textContent = `${name}score ${about.scores[i].toFixed(1)}`;
    drawExample(original, examples(i), about);
    drawExample(decoded, reconstruction, about);
    const isLeft = x + 18 + box.offsetWidth > box.parentElement.clientWidth;
    box.style.left = `${Math.max(0, isLeft ? x - 18 - box.offsetWidth : x + 18)}px`;
    box.style.top = `${Math.max(0, y - box.offsetHeight / 2)}px`;
  });

  return (i, x, y) => {
    if (i === hovered) return;
    hovered = i;
    box.hidden = true;
    if (i !== null) show(i, x, y).catch(failed);
  };
}
