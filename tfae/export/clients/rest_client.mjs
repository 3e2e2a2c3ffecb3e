// Asks TensorFlow Serving by REST for what the exporter asked, and compares the answers.
//
//     node rest_client.mjs [http://localhost:8501] [VERSION]
//
// It needs no package. In a program of your own, in Node.js or in a browser:
//
//     import { predict } from "./rest_client.mjs";
//
// A page from another address may ask only a server that was started with
// --rest_api_enable_cors_support.

/**
 * Asks for a signature's answer: the outputs by name, or one output alone, as nested arrays.
 *
 * `url` is such as http://localhost:8501/v1/models/digits, or .../digits/versions/2; `inputs` are
 * nested arrays by name, whose first axis is the batch. Throws an Error with the server's reason.
 */
export async function predict(url, signature, inputs) {
  const response = await fetch(`${url}:predict`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ signature_name: signature, inputs }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return parse(text).outputs;
}

/** Reads JSON in which TensorFlow Serving has written NaN and Infinity, which JSON has not. */
export function parse(text) {
  const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g,
    (token) => (token.startsWith('"') ? token : `"\\u0000${token}"`));
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith("\0") ? Number(value.slice(1)) : value);
}

/** All numbers and text in nested arrays and objects, in the order of the objects' keys. */
function numbers(value) {
  if (typeof value !== "object") return [typeof value === "string" ? value : Number(value)];
  return Object.keys(value).sort((a, b) => a - b || (a < b ? -1 : 1)).flatMap((k) => numbers(value[k]));
}

async function main(server = "http://localhost:8501", version = null) {
  const { readFileSync, readdirSync } = await import("node:fs");
  const { basename, resolve } = await import("node:path");
  const { fileURLToPath } = await import("node:url");
  const model = resolve(fileURLToPath(import.meta.url), "../..");
  const newest = Math.max(...readdirSync(model).filter((name) => /^\d+$/.test(name)).map(Number));
  const url = `${server}/v1/models/${basename(model)}/versions/${version ?? newest}`;
  const examples = `${model}/${version ?? newest}/assets.extra/examples`;
  for (const name of readdirSync(examples).filter((file) => file.endsWith(".answer.json"))) {
    const signature = name.replace(".answer.json", "");
    const read = (file) => parse(readFileSync(`${examples}/${file}`, "utf8"));
    const given = numbers(await predict(url, signature, read(`${signature}.json`).inputs));
    const expected = numbers(read(name).outputs);
    const scale = expected.reduce((most, x) => Math.max(most, Math.abs(x) || 0), 0);
    const isClose = (x, i) => given[i] === x || Math.abs(given[i] - x) <= 1e-4 * scale;
    if (given.length !== expected.length || !expected.every(isClose)) {
      throw new Error(`${signature} is not as expected`);
    }
    console.log(`${signature}: ${given.length} numbers as expected`);
  }
}

if (globalThis.process?.argv[1]) {
  const { pathToFileURL } = await import("node:url");
  if (import.meta.url === pathToFileURL(process.argv[1]).href) await main(...process.argv.slice(2));
}
