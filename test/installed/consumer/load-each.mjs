// Loads each specifier with import and with require, and prints the outcomes as JSON.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

async function outcomeOf(load) {
  try {
    await load();
    return 'loaded';
  } catch (error) {
    return { name: error.name, code: error.code, firstLine: error.message.split('\n')[0] };
  }
}

const outcomes = {};
for (const specifier of process.argv.slice(2)) {
  outcomes[specifier] = {
    import: await outcomeOf(() => import(specifier)),
    require: await outcomeOf(() => require(specifier)),
  };
}
console.log(JSON.stringify(outcomes));
