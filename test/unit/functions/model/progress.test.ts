import { expect, test } from 'vitest';
import {
  announcesResults,
  decideResults,
  missingResults,
  NOTHING_YET,
  type Progress,
  type ResultsRecord,
} from '../../../../functions/model/progress.ts';

const NOW = new Date('2026-05-28T20:26:40Z');
const LATER = new Date(NOW.getTime() + 1);
const usage = { inputTokens: 1, outputTokens: 2, thoughtTokens: 3, cachedTokens: 4, totalTokens: 10, results: 5 };
const halfway: Progress = {
  position: 100,
  published: 10,
  failed: 1,
  total: 20,
  expected: 20,
  usage,
  order: Buffer.of(1),
};
const half: ResultsRecord = { ...halfway, state: 'running', event: 'batch.succeeded' };
const leased = { ...half, leaseOwner: 'other', leaseUntil: LATER };

test.for([
  ['nothing is known', undefined, { action: 'read', from: NOTHING_YET }],
  ['another instance holds the lease', leased, { action: 'wait' }],
  ["another instance's lease has expired", { ...leased, leaseUntil: NOW }, { action: 'read', from: halfway }],
  ['the lease is its own', { ...leased, leaseOwner: 'me' }, { action: 'read', from: halfway }],
  ['the lease was released', half, { action: 'read', from: halfway }],
  ['all results are published', { ...half, state: 'complete' }, { action: 'done' }],
  ['the results have failed', { ...half, state: 'failed' }, { action: 'done' }],
  [
    'its function calls were published and the job has ended since',
    { ...half, state: 'complete', event: 'interaction.requires_action' },
    { action: 'read', from: NOTHING_YET },
  ],
  ['another final event came before', { ...half, state: 'complete', event: 'batch.cancelled' }, { action: 'done' }],
  ['another instance reads for another event', { ...leased, event: 'interaction.requires_action' }, { action: 'wait' }],
] as const)('where %s', ([, stored, decision]) => {
  expect(decideResults(stored, 'batch.succeeded', 'me', NOW)).toEqual(decision);
});

const pending: ResultsRecord = { ...NOTHING_YET, state: 'pending', event: 'interaction.completed' };
const halted: ResultsRecord = { ...NOTHING_YET, state: 'complete', event: 'interaction.requires_action' };

test('a late halt is ignored, also when the end has yet to be read', () => {
  expect(decideResults(pending, 'interaction.requires_action', 'me', NOW)).toEqual({ action: 'done' });
  expect(decideResults(pending, 'interaction.completed', 'me', NOW)).toEqual({ action: 'read', from: NOTHING_YET });
});

test.for([
  ['the first event of an output', undefined, 'batch.succeeded', true],
  ['an event without one', undefined, 'batch.expired', false],
  ['another end', half, 'batch.cancelled', false],
  ['an end after a halt', halted, 'interaction.completed', true],
  ['an end while a halt is read', { ...halted, ...leased, event: halted.event }, 'interaction.completed', true],
  ['another halt', halted, 'interaction.requires_action', false],
  ['a halt that comes late', pending, 'interaction.requires_action', false],
  ['an end without an output, after a halt', halted, 'interaction.failed', false],
] as const)('results are to come with %s: %s, %s, %s', ([, stored, type, expected]) => {
  expect(announcesResults(stored, type)).toBe(expected);
});

test.for([
  [undefined, 3, undefined],
  [3, 3, undefined],
  [2, 3, undefined],
  [5, 3, 2],
  [5, 0, 5],
] as const)('of %s expected results and %s published ones %s are missing', ([expected, published, missing]) => {
  expect(missingResults({ ...NOTHING_YET, expected, published })).toBe(missing);
});
