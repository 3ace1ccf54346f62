import { expect, test } from 'vitest';
import {
  announcesResults,
  decideResults,
  NOTHING_YET,
  type ResultsRecord,
} from '../../../../functions/model/progress.ts';

const NOW = new Date('2026-05-28T20:26:40Z');
const LATER = new Date(NOW.getTime() + 1);
const half: ResultsRecord = { state: 'running', position: 100, published: 10, failed: 1, event: 'batch.succeeded' };
const leased = { ...half, leaseOwner: 'other', leaseUntil: LATER };

test.for([
  ['nothing is known', undefined, { action: 'read', from: NOTHING_YET }],
  ['somebody is at it', leased, { action: 'wait', until: LATER }],
  ['somebody was at it', { ...leased, leaseUntil: NOW }, { action: 'read', from: { ...leased, leaseUntil: NOW } }],
  ['it is our own', { ...leased, leaseOwner: 'me' }, { action: 'read', from: { ...leased, leaseOwner: 'me' } }],
  ['it was given back', half, { action: 'read', from: half }],
  ['all are out', { ...half, state: 'complete' }, { action: 'done' }],
  ['they cannot be read', { ...half, state: 'failed' }, { action: 'done' }],
  [
    'its calls were told, and now it has ended',
    { ...half, state: 'complete', event: 'interaction.requires_action' },
    { action: 'read', from: NOTHING_YET },
  ],
  ['another end was told before', { ...half, state: 'complete', event: 'batch.cancelled' }, { action: 'done' }],
  [
    'another event is being worked on',
    { ...leased, event: 'interaction.requires_action' },
    { action: 'wait', until: LATER },
  ],
] as const)('where %s', ([, stored, decision]) => {
  expect(decideResults(stored, 'batch.succeeded', 'me', NOW)).toEqual(decision);
});

const pending: ResultsRecord = { ...NOTHING_YET, state: 'pending', event: 'interaction.completed' };
const halted: ResultsRecord = { ...NOTHING_YET, state: 'complete', event: 'interaction.requires_action' };

test('a halt that comes late is nothing any more, also where the end has yet to be read', () => {
  expect(decideResults(pending, 'interaction.requires_action', 'me', NOW)).toEqual({ action: 'done' });
  expect(decideResults(pending, 'interaction.completed', 'me', NOW)).toEqual({ action: 'read', from: pending });
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
