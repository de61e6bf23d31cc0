// Validates every file of a folder against a schema, once to warm up and once for each line of the standard input, and
// prints the seconds that it took.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Ajv from "ajv";
import { parse } from "yaml";

const [schema, folder] = process.argv.slice(2);
const validate = new Ajv({ strict: false, allErrors: false }).compile(JSON.parse(readFileSync(schema, "utf8")));
const files = readdirSync(folder).map((name) => join(folder, name));

function run() {
  const start = process.hrtime.bigint();
  for (const file of files) {
    if (!validate(parse(readFileSync(file, "utf8"), { version: "1.1" }))) {
      throw new Error(file + ": " + JSON.stringify(validate.errors));
    }
  }
  return Number(process.hrtime.bigint() - start) / 1e9;
}

run();
console.log("ready");
createInterface({ input: process.stdin }).on("line", () => console.log(run()));
