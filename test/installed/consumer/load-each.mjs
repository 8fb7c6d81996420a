// Loads each specifier that it is given, both ways, and prints as JSON how that went.
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

async function outcomeOf(load) {
  try {
    await load();
    return 'loaded';
  } catch (error) {
    return { code: error.code, firstLine: error.message.split('\n')[0] };
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
