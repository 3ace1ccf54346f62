import { expect, test } from 'vitest';
import { decideResults, NOTHING_YET, type ResultsRecord } from '../../functions/model/progress.ts';

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
