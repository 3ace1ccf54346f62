import { expect, test } from 'vitest';
import {
  announcesResults,
  decideResults,
  NOTHING_YET,
  type ResultsRecord,
} from '../../../../functions/model/progress.ts';

const NOW = new Date('2026-05-28T20:26:40Z');
const LATER = new Date(NOW.getTime() + 1);
const progress = { position: 100, published: 10, failed: 1 };
const half: ResultsRecord = { ...progress, state: 'running', event: 'batch.succeeded' };
const leased = { ...half, leaseOwner: 'other', leaseUntil: LATER };

test.for([
  ['the record has no results', undefined, { action: 'read', from: NOTHING_YET }],
  ['another instance reads them', leased, { action: 'wait', until: LATER }],
  ['the lease of another instance has expired', { ...leased, leaseUntil: NOW }, { action: 'read', from: progress }],
  ['the lease is the caller’s', { ...leased, leaseOwner: 'me' }, { action: 'read', from: progress }],
  ['the lease was released', half, { action: 'read', from: progress }],
  ['all are published', { ...half, state: 'complete' }, { action: 'done' }],
  ['they have failed', { ...half, state: 'failed' }, { action: 'done' }],
  [
    'its calls were published, and now it has ended',
    { ...half, state: 'complete', event: 'interaction.requires_action' },
    { action: 'read', from: NOTHING_YET },
  ],
  ['another end was announced before', { ...half, state: 'complete', event: 'batch.cancelled' }, { action: 'done' }],
  [
    'another instance reads the results of another event',
    { ...leased, event: 'interaction.requires_action' },
    { action: 'wait', until: LATER },
  ],
] as const)('decides where %s', ([, stored, decision]) => {
  expect(decideResults(stored, 'batch.succeeded', 'me', NOW)).toEqual(decision);
});

const pending: ResultsRecord = { ...NOTHING_YET, state: 'pending', event: 'interaction.completed' };
const halted: ResultsRecord = { ...NOTHING_YET, state: 'complete', event: 'interaction.requires_action' };

test('a late halt has no results, also where the end is still to be read', () => {
  expect(decideResults(pending, 'interaction.requires_action', 'me', NOW)).toEqual({ action: 'done' });
  expect(decideResults(pending, 'interaction.completed', 'me', NOW)).toEqual({
    action: 'read',
    from: NOTHING_YET,
  });
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
] as const)('%s announces results: %s, %s, %s', ([, stored, type, expected]) => {
  expect(announcesResults(stored, type)).toBe(expected);
});
