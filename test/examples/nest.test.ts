import { describe } from 'vitest';
import { testFrameworkExample } from './framework-example.ts';

describe('the Nest example', () => {
  testFrameworkExample('nest');
});
