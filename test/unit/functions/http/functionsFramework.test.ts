import { expect, test } from 'vitest';
import { targetOf } from '../../../../functions/http/functionsFramework.ts';

test.each([
  [{}, [], undefined],
  [{ FUNCTION_TARGET: 'submitJob' }, [], 'submitJob'],
  [{ FUNCTION_TARGET: 'submitJob' }, ['--target=geminiCallback'], 'geminiCallback'],
  [{}, ['--source=.', '--target', 'fetchResults', '--other'], 'fetchResults'],
])('the function to serve is read as the Framework reads it: %j %j', (variables, options, target) => {
  expect(targetOf(variables, ['node', 'main.js', ...options])).toBe(target);
});
